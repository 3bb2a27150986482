package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/seed-77d61853/signet/client"
)

// Error is what a request that fails is answered with. With status 409 its name
// is that of the DOMException, or TypeError, that a page would see; with others
// it names the status.
type Error struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	status  int
}

func (e *Error) Error() string { return e.Name + ": " + e.Message }

// refusalNames are the names of errors that are no page's.
var refusalNames = map[int]string{
	http.StatusBadRequest:            "BadRequest",
	http.StatusUnauthorized:          "Unauthorized",
	http.StatusForbidden:             "Forbidden",
	http.StatusNotFound:              "NotFound",
	http.StatusGone:                  "Gone",
	http.StatusRequestEntityTooLarge: "TooLarge",
	http.StatusUnsupportedMediaType:  "UnsupportedMediaType",
	http.StatusTooManyRequests:       "TooMany",
	http.StatusInternalServerError:   "Internal",
	http.StatusServiceUnavailable:    "Unavailable",
}

func refusal(status int, format string, args ...any) *Error {
	return &Error{refusalNames[status], fmt.Sprintf(format, args...), status}
}

// exception is what a page sees.
func exception(name, message string) *Error { return &Error{name, message, http.StatusConflict} }

// asError finds out what to answer.
func asError(err error) *Error {
	var known *Error
	var page *client.Error
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &page):
		return exception(page.Name, strings.TrimPrefix(page.Error(), page.Name+": "))
	case errors.As(err, &long):
		return refusal(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", long.Limit)
	case errors.Is(err, fs.ErrNotExist):
		return refusal(http.StatusNotFound, "%v", err)
	}
	return refusal(http.StatusInternalServerError, "%v", err)
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	e := asError(err)
	_ = answer(w, e.status, e) // nobody is left to tell
}

// answer answers with v in JSON.
func answer(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	send(w, status, "application/json", body)
	return nil
}

// raw answers with a body that is ready.
func raw(w http.ResponseWriter, contentType string, body []byte) error {
	send(w, http.StatusOK, contentType, body)
	return nil
}

func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // nobody is left to tell
}

// nothing answers that it is done.
func nothing(w http.ResponseWriter) error { return raw(w, "application/json", []byte("{}")) }

// decode reads a request's body into v, a pointer to a struct. Members that v
// does not have are refused: they are more often misspelt than meant for nobody.
// A missing body is an empty object.
func decode(r *http.Request, v any) error {
	if ct := r.Header.Get("Content-Type"); ct != "" && ct != "application/json" {
		if t, _, err := mime.ParseMediaType(ct); err != nil || t != "application/json" {
			return refusal(http.StatusUnsupportedMediaType, "the body has the type %q, and has to be application/json", ct)
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if len(body) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return refusal(http.StatusBadRequest, "body: %s", complaint(body, v, err))
	}
	if _, err := d.Token(); err != io.EOF { // More is false before a closing bracket, too
		return refusal(http.StatusBadRequest, "body: something follows the JSON object")
	}
	return nil
}

// complaint says why a body is not taken: what encoding/json says of types is about
// Go's.
func complaint(body []byte, v any, err error) string {
	var given any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if invalid := d.Decode(&given); invalid != nil {
		return "it is not JSON: " + invalid.Error()
	}
	if why := misfit("", reflect.TypeOf(v), given); why != "" {
		return why
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // given has the last of the two
		return fmt.Sprintf("%s is there twice, once of another type than it has to be", wrong.Field)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}
