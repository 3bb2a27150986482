package main

import (
	"strings"
	"testing"
)

// stream is what go test -json prints: one package with a passing test of two
// subtests, a failing one and two skipped ones, one that dies, one that does
// not compile, one without tests.
const stream = `
{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA/x","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA/x","Elapsed":0.1}
{"Action":"pass","Package":"p","Test":"TestA/y","Elapsed":0.1}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1.5}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: loud\n"}
{"Action":"fail","Package":"p","Test":"TestB","Elapsed":0.2}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:3: tier foreign: no python3-fido2\n"}
{"Action":"skip","Package":"p","Test":"TestC","Elapsed":0}
{"Action":"output","Package":"p","Test":"TestD","Output":"    d_test.go:3: tired\n"}
{"Action":"skip","Package":"p","Test":"TestD","Elapsed":0}
{"Action":"fail","Package":"p","Elapsed":2}
{"Action":"output","Package":"q","Test":"TestE","Output":"panic: died\n"}
{"Action":"output","Package":"q","Output":"FAIL\tq\n"}
{"Action":"fail","Package":"q","Elapsed":0.1}
{"ImportPath":"r","Action":"build-output","Output":"r.go:1: undefined: x\n"}
{"ImportPath":"r","Action":"build-fail"}
{"Action":"fail","Package":"r","Elapsed":0,"FailedBuild":"r"}
{"Action":"skip","Package":"s","Elapsed":0}
`

func TestReport(t *testing.T) {
	var out strings.Builder
	r := newReport(&out)
	if err := r.read(strings.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	if r.close(false) {
		t.Error("three failed packages are well")
	}
	for _, want := range []string{
		"b_test.go:3: loud",
		"panic: died",
		"r.go:1: undefined: x",
		"FAIL  p ",
		"    1.5s  p TestA\n",
		"left out: tier foreign, 1 tests: no python3-fido2",
		"skipped: p TestD\n    d_test.go:3: tired",
		"failed: p q r\n",
		"\n2 passed, 3 failed, 2 skipped\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("report lacks %q", want)
		}
	}
	if strings.Contains(out.String(), "quiet") {
		t.Error("report shows the output of a passing test")
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// Whatever is left out is told, and is a failure under strict rules alone.
func TestStrict(t *testing.T) {
	const passed = `{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1}`
	const skipped = `{"Action":"skip","Package":"p","Test":"TestB","Elapsed":0}`
	for _, test := range []struct {
		name, stream, leftOut string
		strict, want          bool
	}{
		{"all ran", passed, "", true, true},
		{"skipped", passed + skipped, "", false, true},
		{"skipped, strict", passed + skipped, "", true, false},
		{"left out", passed, "race: no C compiler", false, true},
		{"left out, strict", passed, "race: no C compiler", true, false},
		{"nothing ran", "", "", false, false},
	} {
		var out strings.Builder
		r := newReport(&out)
		if test.leftOut != "" {
			r.leaveOut(test.leftOut)
		}
		if err := r.read(strings.NewReader(test.stream)); err != nil {
			t.Fatal(err)
		}
		if got := r.close(test.strict); got != test.want {
			t.Errorf("%s: got %v\n%s", test.name, got, out.String())
		}
	}
}
