package authenticator_test

import (
	"bytes"
)

// largeBlobs (§6.10).

// initialBlobs is an empty large-blob array.
var initialBlobs = unhex("8076be8b528d0075f7aae98d6fa57a6d3c")

// blobs reads the whole array.
func (b *bench) blobs() []byte {
	b.Helper()
	var all []byte
	most := b.fragment()
	for {
		part := b.octets(b.ok(readBlob(len(all), most)), 1)
		if all = append(all, part...); len(part) < most {
			return all
		}
	}
}

// fragment is the longest fragment that the device takes.
func (b *bench) fragment() int {
	b.Helper()
	return b.number(b.ok(bare(cmdGetInfo)), 5) - 64
}

// someBlobs is a large-blob array of a length, at least 20.
func someBlobs(length int, seed byte) []byte {
	content := append([]byte{0x58, seed}, bytes.Repeat([]byte{seed}, length-18)...)
	return blobArray(content)
}

var largeBlobBehaviours = []behaviour{
	{236, securityKey, everyDoor, "at first the array is empty, and whole", func(b *bench) {
		b.equal("array", b.octets(b.ok(readBlob(0, 100)), 1), initialBlobs)
	}},
	{237, securityKey, everyDoor, "an offset, and reading or writing", func(b *bench) {
		b.expect(invalidParameter, readBlob(0, 17, without(3)))
		b.expect(invalidParameter, readBlob(0, 17, set(2, initialBlobs), set(4, 17)))
		b.expect(invalidParameter, readBlob(0, 17, without(1)))
	}},
	{238, securityKey, everyDoor, "reading takes no length and no proof", func(b *bench) {
		b.expect(invalidParameter, readBlob(0, 17, set(4, 17)))
		b.expect(invalidParameter, readBlob(0, 17, set(5, make([]byte, 32))))
		b.expect(invalidParameter, readBlob(0, 17, set(6, 2)))
	}},
	{239, securityKey, everyDoor, "reading too much, or beyond the end", func(b *bench) {
		b.ok(readBlob(0, b.fragment()))
		b.expect(invalidLength, readBlob(0, b.fragment()+1))
		b.expect(invalidParameter, readBlob(18, 1))
	}},
	{240, securityKey, everyDoor, "reading at the end gives nothing", func(b *bench) {
		b.wants("bytes", len(b.octets(b.ok(readBlob(17, 10)), 1)), 0)
		b.equal("last byte", b.octets(b.ok(readBlob(16, 10)), 1), initialBlobs[16:])
	}},
	{241, securityKey, everyDoor, "an array is neither too short nor too long", func(b *bench) {
		b.expect(invalidParameter, writeBlob(token{}, 0, make([]byte, 16), 16))
		most := b.number(b.ok(bare(cmdGetInfo)), 0x0b)
		b.expect(largeBlobStorageFull, writeBlob(token{}, 0, make([]byte, 100), most+1))
		b.ok(writeBlob(token{}, 0, make([]byte, 100), most))
		b.equal("array", b.blobs(), initialBlobs)
	}},
	{242, securityKey, everyDoor, "a fragment is not too long", func(b *bench) {
		n := b.fragment()
		b.expect(invalidLength, writeBlob(token{}, 0, make([]byte, n+1), 5000))
		b.ok(writeBlob(token{}, 0, make([]byte, n), 5000))
	}},
	{243, securityKey, everyDoor, "the first fragment tells the whole length", func(b *bench) {
		b.expect(invalidParameter, writeBlob(token{}, 0, initialBlobs, 17, without(4)))
	}},
	{244, securityKey, everyDoor, "fragments come in their order", func(b *bench) {
		b.expect(invalidSeq, writeBlob(token{}, 5, make([]byte, 10), 0))
		array := someBlobs(60, 1)
		b.ok(writeBlob(token{}, 0, array[:20], 60))
		b.elsewhere(func() { b.expect(invalidSeq, writeBlob(token{}, 20, array[20:], 0)) })
		b.expect(invalidSeq, writeBlob(token{}, 21, array[21:], 0))
		b.equal("array", b.blobs(), initialBlobs)
	}},
	{245, securityKey, everyDoor, "the others do not tell it", func(b *bench) {
		array := someBlobs(60, 1)
		b.ok(writeBlob(token{}, 0, array[:20], 60))
		b.expect(invalidParameter, writeBlob(token{}, 20, array[20:], 0, set(4, 60)))
	}},
	{246, securityKey, everyDoor, "where there is a PIN it is wanted", func(b *bench) {
		b.setPIN("1234")
		array := someBlobs(60, 1)
		b.expectSilently(puatRequired, writeBlob(token{}, 0, array, 60))
		b.expectSilently(pinAuthInvalid, writeBlob(b.token(maySignIn|mayManage|maySet, site), 0, array, 60))
		t := b.token(mayWrite, "")
		b.expectSilently(missingParameter, writeBlob(t, 0, array, 60, without(6)))
		b.expectSilently(invalidParameter, writeBlob(t, 0, array, 60, set(6, 9)))
		b.equal("array", b.blobs(), initialBlobs)
		for seed, protocol := range []int{1, 2} {
			array := someBlobs(60, byte(seed))
			b.ok(writeBlob(b.tokenOf(protocol, mayWrite, ""), 0, array, 60))
			b.equal("array", b.blobs(), array)
		}
		b.ok(writeBlob(b.token(mayWrite, ""), 0, array[:20], 60))
		b.elsewhere(func() { t = b.token(mayWrite, "") })
		b.expect(invalidSeq, writeBlob(t, 20, array[20:], 0)) // what the token before began ended with it
	}},
	{247, securityKey, everyDoor, "a proof is for one place and one fragment", func(b *bench) {
		b.setPIN("1234")
		t := b.token(mayWrite, "")
		array := someBlobs(60, 1)
		b.ok(writeBlob(t, 0, array[:20], 60))
		wrong := t.authenticate(blobMessage(21, array[20:]))
		b.expect(pinAuthInvalid, writeBlob(t, 20, array[20:], 0, set(5, wrong)))
		b.expect(pinAuthInvalid, writeBlob(t, 0, array, 60, set(5, t.authenticate(blobMessage(0, array[1:])))))
		b.expect(pinAuthInvalid, writeBlob(t, 0, array, 60, set(5, t.authenticate(blobMessage(0, array)[32:]))))
		b.equal("array", b.blobs(), initialBlobs)
	}},
	{248, securityKey, everyDoor, "more bytes than were announced", func(b *bench) {
		array := someBlobs(60, 1)
		b.expect(invalidParameter, writeBlob(token{}, 0, array, 59))
		b.ok(writeBlob(token{}, 0, array[:20], 59))
		b.expect(invalidParameter, writeBlob(token{}, 20, array[20:], 0))
		b.equal("array", b.blobs(), initialBlobs)
	}},
	{249, securityKey, everyDoor, "an array that is not whole replaces nothing", func(b *bench) {
		old := someBlobs(80, 1)
		b.ok(writeBlob(token{}, 0, old, 80))
		bad := someBlobs(60, 2)
		bad[59] ^= 1
		b.expect(integrityFailure, writeBlob(token{}, 0, bad, 60))
		b.equal("array", b.blobs(), old)
		b.ok(writeBlob(token{}, 0, bad[:30], 60))
		b.expect(integrityFailure, writeBlob(token{}, 30, bad[30:], 0))
		b.equal("array", b.blobs(), old)
	}},
	{250, securityKey, everyDoor, "a token that made a credential still writes", func(b *bench) {
		b.setPIN("1234")
		t := b.token(mayMake|maySignIn|mayWrite, site)
		b.ok(makeCredential(extension("largeBlobKey", true), discoverable, by(t)))
		array, most := someBlobs(3000, 1), b.fragment()
		for offset := 0; offset < len(array); offset += most {
			part := array[offset:min(len(array), offset+most)]
			b.ok(writeBlob(t, offset, part, len(array)))
		}
		b.equal("array", b.blobs(), array)
		b.expect(pinAuthInvalid, getAssertion(by(t)))
	}},
	{251, securityKey, everyDoor, "an array is replaced all at once, even when the power fails", func(b *bench) {
		old, array := someBlobs(80, 1), someBlobs(60, 2)
		b.ok(writeBlob(token{}, 0, old, 80))
		b.ok(writeBlob(token{}, 0, array[:20], 60))
		b.kill()
		b.equal("array", b.blobs(), old)
		b.expect(invalidSeq, writeBlob(token{}, 20, array[20:], 0))

		vault, left := b.config.Vault, 1_000
		b.restartWith(b.config.Root, failingVault{vault, &left})
		b.ok(writeBlob(token{}, 0, array[:20], 60))
		left = 0
		if got := b.ask(writeBlob(token{}, 20, array[20:], 0)); got.status == success {
			b.Errorf("success, when nothing could be written")
		}
		b.config.Vault = vault
		b.kill()
		b.equal("array", b.blobs(), old)
		b.ok(writeBlob(token{}, 0, array, 60))
		b.kill()
		b.equal("array", b.blobs(), array)
	}},
	{252, securityKey, everyDoor, "reading needs no token", func(b *bench) {
		b.setPIN("1234")
		b.expectSilently(success, readBlob(0, 17))
	}},
}
