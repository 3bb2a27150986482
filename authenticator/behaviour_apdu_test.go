package authenticator_test

import (
	"bytes"
	"context"
	"time"
)

// CTAP in smart-card commands (§11.3).

var apduBehaviours = []behaviour{
	{290, bothProfiles, apdu, "SELECT answers with the oldest version spoken", func(b *bench) {
		name := func() string {
			b.Helper()
			l := b.port.(*apduPort).card()
			for _, early := range [][]byte{apduExtended(0x80, apduMessage, 0, []byte{cmdGetInfo}), {0x00, 0x03, 0x00, 0x00, 0x00}} {
				if _, word := l.exchange(early); word != 0x6985 && word != wrongCommand {
					b.Errorf("before SELECT: status word %04x", word)
				}
			}
			data, word := l.exchange(apduSelect(fidoApplet))
			b.wants("status word", word, noError)
			return string(data)
		}
		if b.config.Profile.U2F {
			b.wants("version", name(), "U2F_V2")
			b.ok(configure(token{}, 2, nil))
		}
		b.wants("version under alwaysUv", name(), "FIDO_2_0")

		l := b.line.(*apduLine)
		_, word := l.exchange(apduSelect(unhex("a000000647")))
		b.wants("status word of another applet", word == noError, false)
		_, word = l.exchange([]byte{0x80, apduControl, 0x01, 0x00})
		b.wants("status word of the end", word, noError)
		if _, word = l.exchange(apduExtended(0x80, apduMessage, 0, []byte{cmdGetInfo})); word != 0x6985 && word != wrongCommand {
			b.Errorf("after the end: status word %04x", word)
		}
	}},
	{291, bothProfiles, apdu, "short commands fetch a long reply in pieces, and send long requests in pieces", func(b *bench) {
		l := b.line.(*apduLine)
		short := func(pieces ...[]byte) []byte {
			b.Helper()
			for _, piece := range pieces[:len(pieces)-1] {
				if data, word := l.exchange(piece); word != noError || len(data) != 0 {
					b.Fatalf("piece of a command: status word %04x, %x", word, data)
				}
			}
			all, word := l.exchange(pieces[len(pieces)-1])
			b.wants("length of the first piece", len(all), 256)
			for word&0xff00 == apduMore {
				var data []byte
				told := word & 0xff
				data, word = l.exchange([]byte{0x00, 0xc0, 0x00, 0x00, byte(told)})
				if told != 0 && len(data) != told || told == 0 && len(data) != 256 {
					b.Errorf("%d bytes, where %#02x were announced", len(data), told)
				}
				all = append(all, data...)
			}
			b.wants("last status word", word, noError)
			return all
		}
		info := b.judge(nil, short(append(apduShort(0x80, apduMessage, 0, []byte{cmdGetInfo}), 0))).body
		whole := b.info()
		for _, d := range []dict{info, whole} { // these are never the same
			delete(d, 0x19)
			delete(d, 0x1e)
		}
		b.equal("getInfo", encode(info), encode(whole))

		r := makeCredential(inside(2, "name", string(bytes.Repeat([]byte{'x'}, 500))))
		b.prove(r, mayMake, site)
		c := b.credential(b.judge(r.bytes(), short(apduChain(apduMessage, 0, r.bytes())...)))
		b.verifies(c, b.signIn(listing(c.id)))
		_, word := l.exchange([]byte{0x00, 0xc0, 0x00, 0x00, 0x00})
		b.wants("status word with nothing left", word, 0x6985)
	}},
	{292, bothProfiles, apdu, "a client that cannot poll is made to wait, and one that need not is told so", func(b *bench) {
		l := b.line.(*apduLine)
		for _, p1 := range []byte{0x00, 0x11} {
			_, word := l.exchange([]byte{0x80, apduPoll, p1, 0x00, 0x00})
			b.wants("status word of a poll for nothing", word, 0x6985)
		}
		b.person.is(waits)
		ask := apduExtended(0x80, apduMessage, 0x00, bare(cmdSelection).bytes())
		reply := make(chan []byte, 1)
		go func() { reply <- l.card.Exchange(context.Background(), ask) }()
		time.Sleep(20 * time.Second)
		b.person.is(approves)
		b.equal("reply", <-reply, []byte{success, 0x90, 0x00})

		b.person.is(waits)
		data, word := l.exchange(apduExtended(0x80, apduMessage, 0x80, bare(cmdSelection).bytes()))
		b.wants("status word", word, apduWaits)
		b.equal("keepalive", data, []byte{2})
		data, word = l.exchange([]byte{0x80, apduPoll, 0x11, 0x00, 0x00})
		b.wants("status word of a cancel", word, noError)
		b.equal("reply", data, []byte{keepaliveCancel})
	}},
}
