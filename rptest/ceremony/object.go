package ceremony

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Object is a JSON object whose members keep their order, and may be there
// twice.
type Object struct {
	Members []Member
}

// Member is one member of an Object. Name is written as JSON writes strings.
type Member struct {
	Name  string
	Value json.RawMessage
}

// ParseObject reads a JSON object.
func ParseObject(data []byte) (*Object, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	o := new(Object)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("JSON object: %w", err)
		}
		m := Member{Name: t.(string)} // only strings are names
		if err := d.Decode(&m.Value); err != nil {
			return nil, fmt.Errorf("JSON object: member %s: %w", m.Name, err)
		}
		o.Members = append(o.Members, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("JSON object: %w", err)
	}
	if _, err := d.Token(); err != io.EOF { // More is false before a closing bracket, too
		return nil, errors.New("JSON object: something follows it")
	}
	return o, nil
}

// Get returns the value of the first member of a name; nil where there is none.
func (o *Object) Get(name string) json.RawMessage {
	for _, m := range o.Members {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Set gives the first member of a name another value, or appends one. value is
// encoded as encoding/json does.
func (o *Object) Set(name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	for i := range o.Members {
		if o.Members[i].Name == name {
			o.Members[i].Value = b
			return nil
		}
	}
	o.Members = append(o.Members, Member{name, b})
	return nil
}

// Add appends a member, also where there is one of its name.
func (o *Object) Add(name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("add %s: %w", name, err)
	}
	o.Members = append(o.Members, Member{name, b})
	return nil
}

// Delete removes all members of a name.
func (o *Object) Delete(name string) {
	var kept []Member
	for _, m := range o.Members {
		if m.Name != name {
			kept = append(kept, m)
		}
	}
	o.Members = kept
}

// Rename gives all members of a name another one.
func (o *Object) Rename(name, to string) {
	for i := range o.Members {
		if o.Members[i].Name == name {
			o.Members[i].Name = to
		}
	}
}

// JSON encodes the object, without white space.
func (o *Object) JSON() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o.Members {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(m.Name) // a string always encodes
		b.Write(name)
		b.WriteByte(':')
		b.Write(m.Value)
	}
	b.WriteByte('}')
	return b.Bytes()
}
