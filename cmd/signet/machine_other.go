//go:build !linux

package main

// The chip and the keyring are asked themselves: here no node or bus stands
// before them.
func (d *doctor) examineTPMNode(lack, string) bool { return true }

func (d *doctor) examineBus(lack) bool { return true }

// examineRoom knows no call here that tells.
func (d *doctor) examineRoom() {}

// examineUHID has nothing to look at: it is a part of Linux.
func (d *doctor) examineUHID() {}
