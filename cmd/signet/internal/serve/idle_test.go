package serve

import "testing"

// A fault that the response has by itself is none: nothing was tested.
func TestIdleMutation(t *testing.T) {
	s := start(t, Config{})
	d := s.device(`{}`)
	s.register(d)
	s.refused(400, "BadRequest", "is no fault", "POST", d+"/get", page(requestOptions, `"mutations":["flags=+UP"]`))
	s.must("POST", d+"/behaviour", `{"mutate":["flags=+UP"]}`)
	s.refused(400, "BadRequest", "is no fault", "POST", d+"/get", page(requestOptions))
}
