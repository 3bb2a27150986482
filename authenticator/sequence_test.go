package authenticator

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/ctap/pinuv"
	"github.com/seed-77d61853/signet/keystore/memory"
)

// A world is a device, two clients, and what they may believe about it.
type world struct {
	clients [2]*device
	cfg     Config
	now     time.Time
	started time.Time

	passkeys []*believed
	pin      string // empty: none
	tries    uint64
	misses   int
	minPIN   int
	token    *held
	alwaysUv bool
	blobs    []byte
}

// believed is a passkey as its makers know it.
type believed struct {
	id           []byte
	rpID, userID string
	name         string
	discoverable bool
	protect      uint64
	public       *ecdsa.PublicKey
	count        uint32 // highest seen
}

// held is a token that a client was given.
type held struct {
	value       []byte
	permissions uint64
	rpID        string
	spent       bool
	begun       time.Time
	used, dead  bool
}

var (
	worldRPs   = []string{"a.example", "b.example"}
	worldUsers = []string{"alice", "bob", "carol"}
	worldPINs  = []string{"1234", "пароль", "long enough", "98765432"}
)

func newWorld(t *rapid.T) *world {
	w := &world{now: time.Unix(1_000_000, 0), tries: ctap.MaxPINRetries, minPIN: 4, blobs: initialLargeBlobs()}
	w.cfg = Config{
		Root: memory.NewRoot(nil), Vault: memory.NewVault(), User: agreeable{},
		Now: func() time.Time { return w.now },
	}
	w.start(t)
	return w
}

func (w *world) start(t *rapid.T) {
	a, err := New(context.Background(), w.cfg)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	for i := range w.clients {
		w.clients[i] = &device{Authenticator: a, root: w.cfg.Root, vault: w.cfg.Vault, session: &ctap.Session{Transport: "usb", MaxMsgSize: 1200}}
	}
	w.started, w.misses, w.token = w.now, 0, nil
}

func (w *world) client(t *rapid.T) *device { return rapid.SampledFrom(w.clients[:]).Draw(t, "client") }

// usable is the token, if it can be used for a permission at a site.
func (w *world) usable(permission uint64, rpID string) bool {
	h := w.token
	if h == nil || h.dead || h.permissions&permission == 0 || h.spent && permission != ctap.PermissionLBW {
		return false
	}
	return rpID == "" || h.rpID == "" || h.rpID == rpID
}

// use tells that a request was authenticated by the token, for a site if it has
// one.
func (w *world) use(rpID string) {
	w.token.used = true
	if w.token.rpID == "" {
		w.token.rpID = rpID
	}
}

// expect fails unless err is what the model says; nil stands for success.
func expect(t *rapid.T, what string, err error, want ...error) {
	t.Helper()
	if slices.ContainsFunc(want, func(w error) bool { return w == nil && err == nil || w != nil && errors.Is(err, w) }) {
		return
	}
	t.Fatalf("%s: %v, want %v", what, err, want)
}

// pinMiss is what one more wrong PIN gives.
func (w *world) pinMiss() error {
	switch {
	case w.tries == 0:
		return ctap.ErrPINBlocked
	case w.misses >= ctap.MaxPINMismatches:
		return ctap.ErrPINAuthBlocked
	}
	w.tries, w.misses = w.tries-1, w.misses+1
	switch {
	case w.tries == 0:
		return ctap.ErrPINBlocked
	case w.misses == ctap.MaxPINMismatches:
		return ctap.ErrPINAuthBlocked
	}
	return ctap.ErrPINInvalid
}

// pinTry is what a PIN gives; nil where it is right and accepted.
func (w *world) pinTry(pin string) error {
	switch {
	case w.pin == "":
		return ctap.ErrPINNotSet
	case w.tries == 0:
		return ctap.ErrPINBlocked
	case w.misses >= ctap.MaxPINMismatches:
		return ctap.ErrPINAuthBlocked
	case pin != w.pin:
		return w.pinMiss()
	}
	w.tries, w.misses = ctap.MaxPINRetries, 0
	return nil
}

func (w *world) setPIN(t *rapid.T) {
	d, pin := w.client(t), rapid.SampledFrom(worldPINs).Draw(t, "PIN")
	want := error(nil)
	switch {
	case w.pin != "":
		want = ctap.ErrPINAuthInvalid
	case len([]rune(pin)) < w.minPIN:
		want = ctap.ErrPINPolicyViolation
	}
	expect(t, "set PIN", d.setPIN(context.Background(), pin), want)
	if want == nil {
		w.pin, w.token = pin, nil
	}
}

func (w *world) changePIN(t *rapid.T) {
	d, old, next := w.client(t), rapid.SampledFrom(worldPINs).Draw(t, "old"), rapid.SampledFrom(worldPINs).Draw(t, "new")
	if rapid.Bool().Draw(t, "right") && w.pin != "" {
		old = w.pin
	}
	want := w.pinTry(old)
	if want == nil && len([]rune(next)) < w.minPIN {
		want = ctap.ErrPINPolicyViolation
	}
	expect(t, "change PIN", d.newPIN(context.Background(), old, next), want)
	if want == nil {
		w.pin, w.token = next, nil
	}
}

func (w *world) getToken(t *rapid.T) {
	d, pin := w.client(t), rapid.SampledFrom(worldPINs).Draw(t, "PIN")
	if rapid.IntRange(0, 9).Draw(t, "luck") > 1 && w.pin != "" {
		pin = w.pin
	}
	permissions := rapid.SampledFrom([]uint64{
		ctap.PermissionMC | ctap.PermissionGA, ctap.PermissionGA | ctap.PermissionLBW, ctap.PermissionCM, ctap.PermissionACFG | ctap.PermissionLBW,
	}).Draw(t, "permissions")
	rp := rapid.SampledFrom(worldRPs).Draw(t, "RP")
	if permissions&(ctap.PermissionMC|ctap.PermissionGA) == 0 && rapid.Bool().Draw(t, "unbound") {
		rp = ""
	}
	want := w.pinTry(pin)
	value, err := d.pinToken(context.Background(), pin, permissions, rp)
	expect(t, "token", err, want)
	if want == nil {
		w.token = &held{value: value, permissions: permissions, rpID: rp, begun: w.now}
	}
}

// param draws whether a request carries the token, and gives it; now and then one
// fetched for the purpose.
func (w *world) param(t *rapid.T, d *device, permission uint64, rpID string) []byte {
	if w.pin != "" && rapid.Bool().Draw(t, "fetch a token") {
		want := w.pinTry(w.pin)
		value, err := d.pinToken(context.Background(), w.pin, permission, rpID)
		if expect(t, "token for the purpose", err, want); err == nil {
			w.token = &held{value: value, permissions: permission, rpID: rpID, begun: w.now}
			return value
		}
	}
	if w.token == nil || rapid.IntRange(0, 3).Draw(t, "without token") == 0 {
		return nil
	}
	return w.token.value
}

func (w *world) register(t *rapid.T) {
	ctx, d := context.Background(), w.client(t)
	rp, user := rapid.SampledFrom(worldRPs).Draw(t, "RP"), rapid.SampledFrom(worldUsers).Draw(t, "user")
	token := w.param(t, d, ctap.PermissionMC, rp)
	rk := rapid.Bool().Draw(t, "rk")
	protect := rapid.Uint64Range(1, 3).Draw(t, "credProtect")
	var excluded *believed
	if len(w.passkeys) > 0 && rapid.IntRange(0, 4).Draw(t, "exclude") == 0 {
		excluded = rapid.SampledFrom(w.passkeys).Draw(t, "excluded")
	}
	verified := token != nil && w.pin != ""
	var want error
	switch {
	case w.alwaysUv && w.pin == "", w.pin != "" && token == nil:
		want = ctap.ErrPUATRequired
	case verified && !w.usable(ctap.PermissionMC, rp):
		want = ctap.ErrPINAuthInvalid
	case excluded != nil && excluded.rpID == rp && (verified || excluded.protect != ctap.CredProtectRequired):
		want = ctap.ErrCredentialExcluded
	}
	made, err := d.register(ctx, rp, user, token, func(r *ctap.MakeCredentialRequest) {
		r.Options["rk"] = rk
		r.Extensions = ctap.Extensions{ctap.ExtCredProtect: {byte(protect)}}
		if excluded != nil {
			r.ExcludeList = []ctap.Descriptor{{ID: excluded.id, Type: ctap.TypePublicKey}}
		}
	})
	expect(t, "register", err, want)
	w.touched(verified, rp, want)
	if err != nil {
		return
	}
	if made.Flags&ctap.FlagUV != 0 != verified {
		t.Fatalf("registered with flags %v, verified %v", made.Flags, verified)
	}
	_, public, err := ctap.UnmarshalPublicKey(made.PublicKey)
	expect(t, "public key", err, nil)
	if rk {
		w.forget(func(b *believed) bool { return b.discoverable && b.rpID == rp && b.userID == user })
	}
	w.passkeys = append(w.passkeys, &believed{
		id: made.CredentialID, rpID: rp, userID: user, name: user, discoverable: rk, protect: protect,
		public: public.(*ecdsa.PublicKey), count: made.SignCount,
	})
}

// touched keeps account of the token over a command that asks for a touch.
func (w *world) touched(verified bool, rp string, outcome error) {
	if w.token == nil || errors.Is(outcome, ctap.ErrPUATRequired) {
		return
	}
	if verified {
		w.token.used = true
	}
	if outcome == nil || errors.Is(outcome, ctap.ErrCredentialExcluded) {
		if verified {
			w.use(rp)
		}
		w.token.spent = true
	}
}

func (w *world) forget(which func(*believed) bool) { w.passkeys = slices.DeleteFunc(w.passkeys, which) }

// allowed lists what a request may be answered with, newest first.
func (w *world) allowed(rp string, listed []*believed, verified bool) []*believed {
	var found []*believed
	for _, b := range slices.Backward(w.passkeys) {
		if b.rpID != rp || !verified && b.protect == 3 ||
			listed == nil && (!b.discoverable || !verified && b.protect == 2) ||
			listed != nil && !slices.Contains(listed, b) {
			continue
		}
		found = append(found, b)
	}
	return found
}

func (w *world) signIn(t *rapid.T) {
	ctx, d := context.Background(), w.client(t)
	rp, up := rapid.SampledFrom(worldRPs).Draw(t, "RP"), rapid.IntRange(0, 3).Draw(t, "up") > 0
	token := w.param(t, d, ctap.PermissionGA, rp)
	var listed []*believed
	if len(w.passkeys) > 0 && rapid.Bool().Draw(t, "listed") {
		listed = rapid.SliceOfN(rapid.SampledFrom(w.passkeys), 1, 3).Draw(t, "list")
	}
	verified := token != nil && w.pin != ""
	found := w.allowed(rp, listed, verified)
	var want error
	switch {
	case w.alwaysUv && up && (w.pin == "" || token == nil):
		want = ctap.ErrPUATRequired
	case verified && !w.usable(ctap.PermissionGA, rp):
		want = ctap.ErrPINAuthInvalid
	case len(found) == 0:
		want = ctap.ErrNoCredentials
	}
	reply, err := d.login(ctx, rp, token, func(r *ctap.GetAssertionRequest) {
		r.Options = ctap.Options{"up": up}
		for _, b := range listed {
			r.AllowList = append(r.AllowList, ctap.Descriptor{ID: b.id, Type: ctap.TypePublicKey})
		}
	})
	expect(t, "sign in", err, want)
	if verified && w.token != nil && !errors.Is(err, ctap.ErrPUATRequired) {
		w.token.used = true
	}
	if verified && (err == nil || errors.Is(err, ctap.ErrNoCredentials)) {
		w.use(rp)
	}
	if err == nil && up && w.token != nil {
		w.token.spent = true
	}
	if err != nil {
		return
	}
	w.judge(t, reply, found, up, verified)
	if listed != nil {
		return
	}
	if n := reply.NumberOfCredentials; n > 0 && n != uint64(len(found)) || n == 0 && len(found) > 1 {
		t.Fatalf("%d credentials told, %d expected", n, len(found))
	}
	for _, next := range found[1:] {
		w.intrude(t, d)
		var reply ctap.GetAssertionResponse
		expect(t, "next assertion", d.send(ctx, ctap.CommandGetNextAssertion, nil, &reply), nil)
		w.judge(t, &reply, []*believed{next}, up, verified)
	}
	expect(t, "one too many", d.send(ctx, ctap.CommandGetNextAssertion, nil, nil), ctap.ErrNotAllowed)
}

// intrude does as the other client what must not disturb this one's sequence.
func (w *world) intrude(t *rapid.T, d *device) {
	ctx, other := context.Background(), w.clients[0]
	if d == other {
		other = w.clients[1]
	}
	switch rapid.IntRange(0, 3).Draw(t, "intrusion") {
	case 0:
		expect(t, "intruder's next assertion", other.send(ctx, ctap.CommandGetNextAssertion, nil, nil), ctap.ErrNotAllowed)
	case 1:
		_, err := other.manage(ctx, nil, ctap.CredsEnumNext, nil)
		expect(t, "intruder's next passkey", err, ctap.ErrNotAllowed)
	case 2:
		req := ctap.LargeBlobsRequest{Set: []byte{1}, Offset: ptr(uint64(1))}
		expect(t, "intruder's second fragment", other.send(ctx, ctap.CommandLargeBlobs, req, nil), ctap.ErrInvalidSeq)
	case 3:
		expect(t, "intruder's getInfo", other.send(ctx, ctap.CommandGetInfo, nil, nil), nil)
	}
}

// judge checks an assertion against what is believed.
func (w *world) judge(t *rapid.T, reply *ctap.GetAssertionResponse, allowed []*believed, up, verified bool) {
	data, err := ctap.ParseAuthData(reply.AuthData)
	expect(t, "authData", err, nil)
	i := slices.IndexFunc(allowed, func(b *believed) bool { return bytes.Equal(b.id, reply.Credential.ID) })
	if i < 0 {
		t.Fatalf("answered with a passkey that may not be used")
	}
	b := allowed[i]
	if data.RPIDHash != sum([]byte(b.rpID)) || data.Flags&ctap.FlagUP != 0 != up || data.Flags&ctap.FlagUV != 0 != verified {
		t.Fatalf("flags %v of %x, want up %v, uv %v", data.Flags, data.RPIDHash, up, verified)
	}
	if data.SignCount <= b.count {
		t.Fatalf("counter went from %d to %d", b.count, data.SignCount)
	}
	b.count = data.SignCount
	if reply.User != nil && (string(reply.User.ID) != b.userID || !verified && reply.User.Name != "" || verified && reply.User.Name != b.name) {
		t.Fatalf("user %v, verified %v", reply.User, verified)
	}
	digest := sha256.Sum256(slices.Concat(reply.AuthData, clientDataHash))
	if !ecdsa.VerifyASN1(b.public, digest[:], reply.Signature) {
		t.Fatal("signature does not verify")
	}
}

// manage walks the whole of credentialManagement and compares.
func (w *world) manage(t *rapid.T) {
	ctx, d := context.Background(), w.client(t)
	if w.param(t, d, ctap.PermissionCM, "") == nil {
		_, err := d.manage(ctx, nil, ctap.CredsGetMetadata, nil)
		expect(t, "metadata without token", err, ctap.ErrPUATRequired)
		return
	}
	token, may := w.token.value, w.usable(ctap.PermissionCM, "") && w.token.rpID == ""
	meta, err := d.manage(ctx, token, ctap.CredsGetMetadata, nil)
	if w.token != nil {
		w.token.used = true
	}
	if !may {
		expect(t, "metadata", err, ctap.ErrPINAuthInvalid)
		return
	}
	expect(t, "metadata", err, nil)
	want := 0
	for _, b := range w.passkeys {
		if b.discoverable {
			want++
		}
	}
	if got := *meta.ExistingResidentCredentialsCount; got != uint64(want) {
		t.Fatalf("%d passkeys told, %d believed", got, want)
	}
	seen := 0
	rps, err := d.manage(ctx, token, ctap.CredsEnumRPsBegin, nil)
	if want == 0 {
		expect(t, "no sites", err, ctap.ErrNoCredentials)
		return
	}
	expect(t, "sites", err, nil)
	hashes := [][]byte{rps.RPIDHash}
	for range rps.TotalRPs - 1 {
		next, err := d.manage(ctx, nil, ctap.CredsEnumRPsNext, nil)
		expect(t, "next site", err, nil)
		hashes = append(hashes, next.RPIDHash)
	}
	for _, hash := range hashes {
		c, err := d.manage(ctx, token, ctap.CredsEnumBegin, &ctap.CredentialManagementParams{RPIDHash: hash})
		expect(t, "passkeys", err, nil)
		for left := c.TotalCredentials; ; left-- {
			i := slices.IndexFunc(w.passkeys, func(b *believed) bool { return bytes.Equal(b.id, c.CredentialID.ID) })
			if i < 0 || string(c.User.ID) != w.passkeys[i].userID || c.User.Name != w.passkeys[i].name || c.CredProtect != w.passkeys[i].protect {
				t.Fatalf("enumerated %v of %v", c.CredentialID, c.User)
			}
			seen++
			if left == 1 {
				break
			}
			c, err = d.manage(ctx, nil, ctap.CredsEnumNext, nil)
			expect(t, "next passkey", err, nil)
		}
	}
	_, err = d.manage(ctx, nil, ctap.CredsEnumNext, nil)
	expect(t, "one too many", err, ctap.ErrNotAllowed)
	if seen != want {
		t.Fatalf("%d passkeys enumerated, %d believed", seen, want)
	}
}

// edit deletes or renames a passkey.
func (w *world) edit(t *rapid.T) {
	if len(w.passkeys) == 0 {
		t.Skip("nothing to edit")
	}
	d, b := w.client(t), rapid.SampledFrom(w.passkeys).Draw(t, "passkey")
	if w.param(t, d, ctap.PermissionCM, rapid.SampledFrom(append(worldRPs, "")).Draw(t, "bound to")) == nil {
		t.Skip("no token")
	}
	params := &ctap.CredentialManagementParams{CredentialID: &ctap.Descriptor{ID: b.id, Type: ctap.TypePublicKey}}
	var want error
	switch {
	case !w.usable(ctap.PermissionCM, ""):
		want = ctap.ErrPINAuthInvalid
	case w.token.rpID != "" && (!b.discoverable || w.token.rpID != b.rpID):
		want = ctap.ErrPINAuthInvalid
	case !b.discoverable:
		want = ctap.ErrNoCredentials
	}
	w.token.used = true
	if rapid.Bool().Draw(t, "delete") {
		_, err := d.manage(context.Background(), w.token.value, ctap.CredsDelete, params)
		expect(t, "delete", err, want)
		if err == nil {
			w.forget(func(other *believed) bool { return other == b })
		}
		return
	}
	name := rapid.SampledFrom([]string{"", "new name"}).Draw(t, "name")
	params.User = &ctap.User{ID: []byte(b.userID), Name: name}
	_, err := d.manage(context.Background(), w.token.value, ctap.CredsUpdateUser, params)
	expect(t, "rename", err, want)
	if err == nil {
		b.name = name
	}
}

func (w *world) toggleAlwaysUv(t *rapid.T) {
	d := w.client(t)
	token := w.param(t, d, ctap.PermissionACFG, "")
	var want error
	if w.pin != "" {
		switch {
		case token == nil:
			want = ctap.ErrPUATRequired
		case !w.usable(ctap.PermissionACFG, ""):
			want = ctap.ErrPINAuthInvalid
		}
		if token != nil {
			w.token.used = true
		}
	}
	expect(t, "toggle", d.configure(context.Background(), token, ctap.ConfigToggleAlwaysUv, nil), want)
	if want == nil {
		w.alwaysUv = !w.alwaysUv
	}
}

// writeBlobs writes the array in two fragments, and perhaps damages it.
func (w *world) writeBlobs(t *rapid.T) {
	ctx, d := context.Background(), w.client(t)
	token := w.param(t, d, ctap.PermissionLBW|ctap.PermissionCM, "")
	content := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "content")
	digest := sha256.Sum256(content)
	array := append(slices.Clone(content), digest[:blobTrailer]...)
	cut := rapid.IntRange(1, len(array)-1).Draw(t, "cut")
	damaged := rapid.Bool().Draw(t, "damaged")
	if damaged {
		array[rapid.IntRange(0, len(array)-1).Draw(t, "where")] ^= 1
	}
	var want error
	if w.pin != "" || w.alwaysUv {
		switch {
		case token == nil:
			want = ctap.ErrPUATRequired
		case !w.usable(ctap.PermissionLBW, ""):
			want = ctap.ErrPINAuthInvalid
		}
		if token != nil {
			w.token.used = true
		}
	}
	write := func(offset int, part []byte, length *uint64) error {
		req := ctap.LargeBlobsRequest{Set: part, Offset: ptr(uint64(offset)), Length: length}
		if token != nil {
			hash := sha256.Sum256(part)
			place := binary.LittleEndian.AppendUint32([]byte{0x0C, 0}, uint32(offset))
			req.PinUvAuthProtocol = ptr(uint64(2))
			req.PinUvAuthParam = pinuv.Authenticate(pinuv.Two, token, bytes.Repeat([]byte{0xFF}, 32), place, hash[:])
		}
		return d.send(ctx, ctap.CommandLargeBlobs, req, nil)
	}
	err := write(0, array[:cut], ptr(uint64(len(array))))
	expect(t, "first fragment", err, want)
	if err == nil {
		if damaged {
			want = ctap.ErrIntegrityFailure
		}
		expect(t, "last fragment", write(cut, array[cut:], nil), want)
		if want == nil {
			w.blobs = array
		}
	}
	var stored ctap.LargeBlobsResponse
	read := ctap.LargeBlobsRequest{Get: ptr(uint64(1024)), Offset: ptr(uint64(0))}
	expect(t, "read", d.send(ctx, ctap.CommandLargeBlobs, read, &stored), nil)
	if !bytes.Equal(stored.Config, w.blobs) {
		t.Fatalf("blobs are %x, want %x", stored.Config, w.blobs)
	}
}

// u2f registers or signs in over U2F, as far as a silent request can.
func (w *world) u2f(t *rapid.T) {
	if len(w.passkeys) == 0 {
		t.Skip("nothing to sign in with")
	}
	d, b := w.client(t), rapid.SampledFrom(w.passkeys).Draw(t, "passkey")
	rp := rapid.SampledFrom(worldRPs).Draw(t, "RP")
	application := sum([]byte(rp))
	data := slices.Concat(clientDataHash, application[:], []byte{byte(len(b.id))}, b.id)
	apdu := slices.Concat([]byte{0, ctap.U2FAuthenticate, ctap.U2FDontEnforce, 0, 0, 0, byte(len(data))}, data, []byte{0, 0})
	reply := d.ServeU2F(context.Background(), d.session, apdu)
	sw := ctap.StatusWord(binary.BigEndian.Uint16(reply[len(reply)-2:]))
	want := ctap.SWNoError
	switch {
	case w.alwaysUv:
		want = ctap.SWCommandNotAllowed
	case b.rpID != rp || b.protect == 3:
		want = ctap.SWWrongData
	}
	if sw != want {
		t.Fatalf("U2F: %v, want %v", sw, want)
	}
	if sw != ctap.SWNoError {
		return
	}
	count := binary.BigEndian.Uint32(reply[1:5])
	if reply[0] != 0 || count <= b.count {
		t.Fatalf("U2F: presence %d, counter from %d to %d", reply[0], b.count, count)
	}
	b.count = count
	digest := sum(application[:], reply[:5], clientDataHash)
	if !ecdsa.VerifyASN1(b.public, digest[:], reply[5:len(reply)-2]) {
		t.Fatal("U2F: signature does not verify")
	}
}

func (w *world) reset(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "rarely") > 0 {
		t.Skip("rarely")
	}
	want := error(nil)
	if w.now.Sub(w.started) > resetWindow {
		want = ctap.ErrNotAllowed
	}
	expect(t, "reset", w.client(t).send(context.Background(), ctap.CommandReset, nil, nil), want)
	if want == nil {
		w.passkeys, w.pin, w.tries, w.misses, w.token, w.alwaysUv, w.blobs = nil, "", ctap.MaxPINRetries, 0, nil, false, initialLargeBlobs()
	}
}

func (w *world) restart(t *rapid.T) {
	if rapid.Bool().Draw(t, "killed") {
		w.cfg.Root.Gate().Shut()
	} else if err := w.clients[0].Close(context.Background()); err != nil {
		t.Fatalf("close: %v", err)
	}
	w.start(t)
}

func (w *world) passTime(t *rapid.T) {
	w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{1, 9, 29, 31, 300, 601}).Draw(t, "seconds")) * time.Second)
	if h := w.token; h != nil {
		age := w.now.Sub(h.begun)
		h.dead = h.dead || age >= tokenMaxPeriod || !h.used && age >= tokenLimit
	}
}

func (w *world) lock(*rapid.T) {
	w.clients[0].Lock(context.Background())
	w.token = nil
}

// nonsense is a command with parameters of no sense: it changes nothing.
func (w *world) nonsense(t *rapid.T) {
	d := w.client(t)
	request := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "nonsense")
	if ctap.Command(request[0]) == ctap.CommandReset {
		t.Skip("reset has no parameters")
	}
	reply := d.ServeCTAP(context.Background(), d.session, request)
	if len(reply) == 0 || ctap.Status(reply[0]) == ctap.ErrOther {
		t.Fatalf("answered %x", reply)
	}
}

// invariants hold between any two commands.
func (w *world) invariants(t *rapid.T) {
	d := w.clients[0]
	if n, err := d.retries(context.Background()); err != nil || n != w.tries {
		t.Fatalf("%d tries left, want %d (%v)", n, w.tries, err)
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	gate, err := d.gate.State(context.Background())
	if err != nil {
		t.Fatalf("gate: %v", err)
	}
	if gate.Set != (w.pin != "") || d.pinSet != gate.Set {
		t.Fatalf("gate %+v, engine %v, want PIN %q", gate, d.pinSet, w.pin)
	}
	if gate.Open && !(d.token.inUse && d.token.permissions != 0) && d.pending.kind != pendingAssertions {
		t.Fatal("the gate is open, and nothing rests on it")
	}
	if d.verifying != 0 {
		t.Fatalf("%d commands seem to verify", d.verifying)
	}
}

// TestSequences drives a device with random sequences of commands over two
// sessions, valid and not, and compares every answer with a model: counters rise,
// tries rise only by a right PIN, no answer is about another site's passkey, UV
// needs the PIN, what is counted is what is enumerated.
func TestSequences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"":               w.invariants,
			"set PIN":        w.setPIN,
			"change PIN":     w.changePIN,
			"token":          w.getToken,
			"another token":  w.getToken,
			"register":       w.register,
			"register again": w.register,
			"sign in":        w.signIn,
			"sign in again":  w.signIn,
			"manage":         w.manage,
			"edit":           w.edit,
			"always verify":  w.toggleAlwaysUv,
			"write blobs":    w.writeBlobs,
			"U2F":            w.u2f,
			"reset":          w.reset,
			"restart":        w.restart,
			"pass time":      w.passTime,
			"lock":           w.lock,
			"nonsense":       w.nonsense,
		})
	})
}
