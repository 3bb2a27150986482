package authenticator_test

import (
	"bytes"
	"encoding/binary"
	"testing/synctest"
	"time"
)

// CTAPHID (§11.2).

// hid gives the report-level view of the bench's line.
func (b *bench) hid() (*hidPort, uint32) {
	l := b.line.(*hidLine)
	return l.port, l.id
}

var hidBehaviours = []behaviour{
	{277, bothProfiles, hid, "INIT opens a channel", func(b *bench) {
		p, own := b.hid()
		first, second := p.init(), p.init()
		one, two := binary.BigEndian.Uint32(first[8:]), binary.BigEndian.Uint32(second[8:])
		if one == two || one == own || one == 0 || one == hidBroadcast {
			b.Errorf("channels %08x, %08x and %08x", own, one, two)
		}
		b.wants("protocol version", first[12], byte(2))
		b.wants("capability CBOR", first[16]&0x04, byte(4))
		b.wants("capability of no MSG", first[16]&0x08 == 0, b.config.Profile.U2F)
	}},
	{278, bothProfiles, hid, "a nonce has eight bytes", func(b *bench) {
		p, own := b.hid()
		p.send(hidBroadcast, hidInit, make([]byte, 7))
		p.expect(hidBroadcast, hidError, []byte{0x03})
		p.send(own, hidInit, make([]byte, 9))
		p.expect(own, hidError, []byte{0x03})
	}},
	{279, bothProfiles, hid, "INIT on a channel starts it over", func(b *bench) {
		p, own := b.hid()
		b.person.is(waits)
		p.send(own, hidCBOR, bare(cmdSelection).bytes())
		synctest.Wait()
		nonce := []byte("resynced")
		p.send(own, hidInit, nonce)
		for {
			m, ok := p.receive(own, time.Second)
			if ok && m.command == hidKeepalive {
				continue
			}
			if !ok || m.command != hidInit || len(m.data) != 17 || !bytes.Equal(m.data[:12], binary.BigEndian.AppendUint32(nonce, own)) {
				b.Errorf("INIT is answered by command %#02x, %x (%v)", m.command, m.data, ok)
			}
			break
		}
		p.silent(own, time.Second)
		b.person.is(approves)
		b.ok(bare(cmdSelection))
		reports := hidReports(own, hidPing, make([]byte, 200), 200)
		p.write(reports[:2]...)
		p.send(own, hidInit, nonce)
		if m, ok := p.receive(own, time.Second); !ok || m.command != hidInit {
			b.Errorf("INIT in the middle of a message is answered by command %#02x, %x (%v)", m.command, m.data, ok)
		}
		p.silent(own, 2*time.Second)
	}},
	{280, bothProfiles, hid, "a message has up to 7609 bytes", func(b *bench) {
		p, own := b.hid()
		long := bytes.Repeat([]byte("signet."), 1087)
		b.wants("length", len(long), 7609)
		p.send(own, hidPing, long)
		p.expect(own, hidPing, long)
		p.send(own, hidPing, nil)
		p.expect(own, hidPing, nil)
		p.write(hidReports(own, hidPing, make([]byte, 57), 7610)...)
		p.expect(own, hidError, []byte{0x03})
	}},
	{281, bothProfiles, hid, "reports come in their order", func(b *bench) {
		p, own := b.hid()
		reports := hidReports(own, hidPing, make([]byte, 300), 300)
		p.write(reports[0], reports[1], reports[3])
		p.expect(own, hidError, []byte{0x04})
		p.write(reports[4])
		p.silent(own, time.Second)
		p.write(hidContinuation(own, 0, []byte{1}))
		p.write(hidContinuation(0x12345678, 0, []byte{1}))
		p.silent(own, time.Second)
		p.silent(0x12345678, time.Second)
		p.send(own, hidPing, []byte("still there"))
		p.expect(own, hidPing, []byte("still there"))
	}},
	{282, bothProfiles, hid, "a message is finished before the next", func(b *bench) {
		p, own := b.hid()
		reports := hidReports(own, hidPing, make([]byte, 300), 300)
		p.write(reports[:2]...)
		p.send(own, hidPing, []byte("hello"))
		p.expect(own, hidError, []byte{0x04})
		p.send(own, hidPing, []byte("hello"))
		p.expect(own, hidPing, []byte("hello"))
	}},
	{283, bothProfiles, hid, "one channel does not disturb another's message", func(b *bench) {
		p, own := b.hid()
		other := p.channel()
		message := bytes.Repeat([]byte{7}, 300)
		reports := hidReports(own, hidPing, message, len(message))
		p.write(reports[:2]...)
		p.send(other.id, hidPing, []byte("hello"))
		p.expect(other.id, hidError, []byte{0x06})
		p.write(reports[2:]...)
		p.expect(own, hidPing, message)
		p.send(other.id, hidPing, []byte("hello"))
		p.expect(other.id, hidPing, []byte("hello"))

		b.person.is(waits)
		p.send(own, hidCBOR, bare(cmdSelection).bytes())
		synctest.Wait()
		p.send(other.id, hidPing, []byte("hello"))
		p.expect(other.id, hidError, []byte{0x06})
		b.person.is(approves)
		for {
			m, ok := p.receive(own, time.Second)
			if ok && m.command == hidKeepalive {
				continue
			}
			if !ok || m.command != hidCBOR || !bytes.Equal(m.data, []byte{0}) {
				b.Errorf("selection is answered by command %#02x, %x (%v)", m.command, m.data, ok)
			}
			break
		}
	}},
	{284, bothProfiles, hid, "channels and commands that are not there", func(b *bench) {
		p, own := b.hid()
		for _, channel := range []uint32{0, own + 1000} {
			p.send(channel, hidPing, []byte("hello"))
			p.expect(channel, hidError, []byte{0x0b})
		}
		p.send(hidBroadcast, hidPing, []byte("hello"))
		p.expect(hidBroadcast, hidError, []byte{0x0b})
		p.send(own, 0x22, nil)
		p.expect(own, hidError, []byte{0x01})
	}},
	{285, bothProfiles, hid, "a message has content, and an end", func(b *bench) {
		p, own := b.hid()
		p.send(own, hidCBOR, nil)
		p.expect(own, hidError, []byte{0x03})
		p.send(own, hidMsg, nil)
		p.expect(own, hidError, []byte{0x03})
		start := time.Now()
		p.write(hidReports(own, hidPing, make([]byte, 57), 300)...)
		m, ok := p.receive(own, 3*time.Second)
		after := m.at.Sub(start)
		if !ok || m.command != hidError || !bytes.Equal(m.data, []byte{0x05}) || after < 400*time.Millisecond || after > time.Second {
			b.Errorf("a message that stops is answered by command %#02x, %x after %v", m.command, m.data, after)
		}
		p.send(own, hidPing, []byte("hello"))
		p.expect(own, hidPing, []byte("hello"))
	}},
	{286, bothProfiles, hid, "while the person is asked the device says so", func(b *bench) {
		p, own := b.hid()
		b.person.is(waits)
		p.send(own, hidCBOR, bare(cmdSelection).bytes())
		synctest.Wait()
		last, told := time.Now(), 0
		for range 50 {
			m, ok := p.receive(own, time.Second)
			if !ok || m.command != hidKeepalive || len(m.data) != 1 {
				b.Fatalf("command %#02x, %x (%v), want KEEPALIVE", m.command, m.data, ok)
			}
			if gap := m.at.Sub(last); gap > 100*time.Millisecond {
				b.Errorf("no word for %v", gap)
			}
			if m.data[0] == 2 {
				told++
			}
			last = m.at
		}
		if told < 49 {
			b.Errorf("the touch is told in %d of 50", told)
		}
		b.person.is(approves)
		synctest.Wait()
		for {
			if m, ok := p.receive(own, time.Second); !ok || m.command != hidKeepalive {
				b.equal("reply", m.data, []byte{0})
				break
			}
		}
		p.silent(own, time.Second)
	}},
	{287, bothProfiles, hid, "CANCEL ends the request, and is not answered itself", func(b *bench) {
		p, own := b.hid()
		b.wants("status", b.cancelled(bare(cmdSelection)).status, keepaliveCancel)
		p.silent(own, time.Second)
		b.ok(bare(cmdSelection))
	}},
	{288, bothProfiles, hid, "CANCEL of nothing is nothing", func(b *bench) {
		p, own := b.hid()
		p.send(own, hidCancel, nil)
		p.silent(own, time.Second)
		b.ok(bare(cmdSelection))
		p.send(own, hidCancel, nil)
		p.silent(own, time.Second)

		other := p.channel()
		b.person.is(waits)
		p.send(own, hidCBOR, bare(cmdSelection).bytes())
		synctest.Wait()
		p.send(other.id, hidCancel, nil)
		p.silent(other.id, time.Second)
		b.person.is(approves)
		synctest.Wait()
		for {
			if m, _ := p.receive(own, time.Second); m.command != hidKeepalive {
				b.equal("reply", m.data, []byte{0})
				break
			}
		}
	}},
	{289, bothProfiles, hid, "LOCK keeps others away, for a while", func(b *bench) {
		p, own := b.hid()
		other := p.channel()
		ping := func(channel uint32, command byte, data []byte) {
			b.Helper()
			p.send(channel, hidPing, []byte("hello"))
			p.expect(channel, command, data)
		}
		p.send(own, hidLock, []byte{5})
		p.expect(own, hidLock, nil)
		ping(other.id, hidError, []byte{0x06})
		ping(own, hidPing, []byte("hello"))
		time.Sleep(4900 * time.Millisecond)
		ping(other.id, hidError, []byte{0x06})
		time.Sleep(200 * time.Millisecond)
		ping(other.id, hidPing, []byte("hello"))
		p.send(own, hidLock, []byte{10})
		p.expect(own, hidLock, nil)
		p.send(own, hidLock, []byte{0})
		p.expect(own, hidLock, nil)
		ping(other.id, hidPing, []byte("hello"))
		p.send(own, hidLock, []byte{11})
		p.expect(own, hidError, []byte{0x02})
	}},
}
