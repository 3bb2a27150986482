package brokenrp

import (
	_ "embed"
	"net/http"
)

//go:embed page.html
var pageHTML []byte

// page serves a page that registers and signs in.
func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'")
	w.Write(pageHTML) // nobody is left to tell
}
