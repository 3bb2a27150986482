package rptest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
)

// inProcess is the transport to a handler.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	type result struct {
		resp *http.Response
		err  error
	}
	done := make(chan result, 1)
	go func() {
		w := httptest.NewRecorder()
		defer func() {
			if r := recover(); r != nil {
				done <- result{err: fmt.Errorf("the handler panicked: %v\n%s", r, cut(string(debug.Stack()), 2000))}
			}
		}()
		served := req.Clone(req.Context())
		served.RequestURI = req.URL.RequestURI()
		served.RemoteAddr = "127.0.0.1:1"
		served.Host = req.URL.Host
		p.handler.ServeHTTP(w, served)
		resp := w.Result()
		resp.Request = req
		done <- result{resp: resp}
	}()
	select {
	case r := <-done:
		return r.resp, r.err
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}
