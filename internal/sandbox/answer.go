package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refusal is an answer that is an error.
type refusal struct {
	status int
	text   string
	// violation says how the request breaks the documents; "" for a refusal that they describe.
	violation string
}

func refuse(status int, text string) *refusal { return &refusal{status: status, text: text} }

// violate refuses a request that the documents do not describe.
func violate(status int, text string) *refusal {
	return &refusal{status: status, text: text, violation: text}
}

// reply is what a route says: an object, nothing, or a refusal.
type reply struct {
	status  int
	object  object // nil: no body
	refused *refusal
}

func refused(r *refusal) reply { return reply{refused: r} }

// object is the JSON object of one thing.
type object map[string]any

// single is the answer that holds one object under name, or bare.
func (c *call) single(status int, name string, o object) reply {
	if c.dialect.Envelope == EnvelopeBare {
		return reply{status: status, object: o}
	}
	return reply{status: status, object: object{name: o}}
}

// date is how the dialect writes t; the zero time is unset.
func (d Dialect) date(t time.Time) any {
	layout, zone := "2006-01-02T15:04:05-07:00", time.UTC
	switch d.Dates {
	case DatesZ:
		layout = "2006-01-02T15:04:05Z"
	case DatesSQL:
		layout = time.DateTime
	case DatesEmpty:
		return ""
	case DatesMail:
		layout = http.TimeFormat
	case DatesZone:
		zone, layout = time.FixedZone("", 2*60*60), "2006-01-02T15:04:05-0700"
	case DatesUnix:
		if t.IsZero() {
			return 0
		}
		return t.Unix()
	case DatesPHP:
		if !t.IsZero() {
			return object{"date": t.UTC().Format("2006-01-02 15:04:05.000000"), "timezone_type": 3, "timezone": "UTC"}
		}
	}
	if !t.IsZero() {
		return t.In(zone).Format(layout)
	}
	if d.Dates == DatesSQL {
		return ""
	}
	return nil
}

// text is how the dialect writes an address or a name.
func (d Dialect) text(s string) string {
	escape := func(s string) string { return htmlSpecialChars.Replace(s) }
	switch d.Escape {
	case EscapeHTML:
		return escape(s)
	case EscapeTwice:
		return escape(escape(s))
	case EscapeSlash:
		return addSlashes.Replace(s)
	}
	return s
}

// What PHP's htmlspecialchars and addslashes do.
var (
	htmlSpecialChars = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#039;")
	addSlashes       = strings.NewReplacer(`\`, `\\`, "'", `\'`, `"`, `\"`)
)

// answer is what goes out.
type answer struct {
	status int
	header http.Header
	body   []byte
	// padding, in megabytes, makes the body a long one that is never held in memory as a whole.
	padding int
}

// refusal is the answer to a request that never reached the world.
func (s *Server) refusal(r *refusal) answer {
	now := s.record.now()
	_ = s.store.view(func(st *state) { now = s.store.worldNow(st) }) // with an unreadable file there is still the local clock
	return s.encode(refused(r), now)
}

// encode makes an answer of what a route said at now. An error is {"error": …, "status": …}, as in a real answer that
// terraform-provider-vultr's issue 81 shows.
func (s *Server) encode(r reply, now time.Time) answer {
	if no := r.refused; no != nil {
		r = reply{status: no.status, object: object{"error": no.text, "status": no.status}}
	}
	a := answer{status: r.status, header: http.Header{"Date": {now.UTC().Format(http.TimeFormat)}}}
	if r.object != nil {
		a.setJSON(s.options.Dialect, r.object)
	}
	return a
}

func (a *answer) setJSON(d Dialect, o object) {
	body, err := json.Marshal(o)
	if err != nil {
		panic(err) // only strings, numbers and maps of them are ever put in
	}
	a.body = append(body, '\n')
	switch d.ContentType {
	case ContentTypeCharset:
		a.header.Set("Content-Type", "application/json; charset=utf-8")
	case ContentTypeVendor:
		a.header.Set("Content-Type", "application/vnd.api+json")
	case ContentTypeMissing:
		a.header["Content-Type"] = nil // keeps net/http from guessing one
	default:
		a.header.Set("Content-Type", "application/json")
	}
}

func (a *answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	if a.padding > 0 {
		a.writePadded(w)
		return
	}
	if w.Header().Get("Content-Length") == "" && a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that is gone is no trouble of the server's
}

// writePadded writes {"padding": "xxx…"} until it is done or the client has had enough.
func (a *answer) writePadded(w http.ResponseWriter) {
	const before, after = `{"padding":"`, `"}`
	w.Header().Set("Content-Length", strconv.Itoa(len(before)+a.padding<<20+len(after)))
	w.WriteHeader(a.status)
	megabyte := bytes.Repeat([]byte("x"), 1<<20)
	_, err := io.WriteString(w, before)
	for range a.padding {
		if err == nil {
			_, err = w.Write(megabyte)
		}
	}
	if err == nil {
		_, _ = io.WriteString(w, after)
	}
}
