package hid

import (
	"container/list"

	"github.com/seed-77d61853/signet/ctap"
)

// maxChannels bounds what a flood of INITs can make a connection remember.
const maxChannels = 256

// A channel is one client's, from its INIT until the connection ends or the
// channel is the one longest unused when room is needed.
type channel struct {
	id      uint32
	session *ctap.Session
	place   *list.Element
}

// channels are a connection's allocated channels. IDs are counted up, so that a
// recycled one is not soon another client's.
type channels struct {
	byID map[uint32]*channel
	used list.List // latest first
	last uint32
}

// lookup returns the channel, now the latest used, or nil where it was never
// allocated or is forgotten.
func (c *channels) lookup(id uint32) *channel {
	ch := c.byID[id]
	if ch != nil {
		c.used.MoveToFront(ch.place)
	}
	return ch
}

// allocate makes a channel for the session. Where that is one too many it
// forgets another, which must not be inUse, and returns its session.
func (c *channels) allocate(s *ctap.Session, inUse func(*channel) bool) (ch *channel, gone *ctap.Session) {
	if len(c.byID) >= maxChannels {
		gone = c.recycle(inUse)
	}
	for {
		c.last++
		if c.last != 0 && c.last != Broadcast && c.byID[c.last] == nil {
			break
		}
	}
	ch = &channel{id: c.last, session: s}
	ch.place = c.used.PushFront(ch)
	if c.byID == nil {
		c.byID = make(map[uint32]*channel)
	}
	c.byID[ch.id] = ch
	return ch, gone
}

func (c *channels) recycle(inUse func(*channel) bool) *ctap.Session {
	for e := c.used.Back(); e != nil; e = e.Prev() {
		if ch := e.Value.(*channel); !inUse(ch) {
			c.used.Remove(e)
			delete(c.byID, ch.id)
			return ch.session
		}
	}
	return nil
}
