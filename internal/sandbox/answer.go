package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reply is what a route says.
type reply struct {
	status int
	object object // nil: no body
	// violation says how the request breaks the documents; "" if it does not.
	violation string
}

// refuse returns an error, written as in a real answer that terraform-provider-vultr's issue 81 shows.
func refuse(status int, text string) *reply {
	return &reply{status: status, object: object{"error": text, "status": status}}
}

// violate refuses a request that the documents do not describe.
func violate(status int, text string) *reply {
	r := refuse(status, text)
	r.violation = text
	return r
}

// object is the JSON object of one thing.
type object map[string]any

// single is the answer that holds one object under name, or bare.
func (c *call) single(status int, name string, o object) *reply {
	if c.dialect.Envelope == EnvelopeBare {
		return &reply{status: status, object: o}
	}
	return &reply{status: status, object: object{name: o}}
}

var dateLayouts = map[string]string{
	DatesOffset: "2006-01-02T15:04:05-07:00", DatesZ: "2006-01-02T15:04:05Z", DatesSQL: time.DateTime,
	DatesMail: http.TimeFormat, DatesZone: "2006-01-02T15:04:05-0700",
}

// date is how the dialect writes t; the zero time is unset.
func (d Dialect) date(t time.Time) any {
	switch {
	case d.Dates == DatesEmpty || t.IsZero() && d.Dates == DatesSQL:
		return ""
	case t.IsZero() && d.Dates == DatesUnix:
		return 0
	case t.IsZero():
		return nil
	case d.Dates == DatesUnix:
		return t.Unix()
	case d.Dates == DatesPHP:
		return object{"date": t.UTC().Format("2006-01-02 15:04:05.000000"), "timezone_type": 3, "timezone": "UTC"}
	case d.Dates == DatesZone:
		t = t.In(time.FixedZone("", 2*60*60))
	default:
		t = t.UTC()
	}
	return t.Format(dateLayouts[d.Dates])
}

// text is how the dialect writes an address or a name.
func (d Dialect) text(s string) string {
	switch d.Escape {
	case EscapeHTML:
		return htmlSpecialChars.Replace(s)
	case EscapeTwice:
		return htmlSpecialChars.Replace(htmlSpecialChars.Replace(s))
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
}

// refusal is the answer to a request that never reached the world.
func (s *Server) refusal(r *reply) answer {
	now := s.record.now()
	// with an unreadable file there is still the local clock
	_ = s.store.view(func(st *state) { now = s.store.worldNow(st) })
	return s.encode(r, now)
}

// encode makes an answer of what a route said at now.
func (s *Server) encode(r *reply, now time.Time) answer {
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
	a.header["Content-Type"] = contentTypes[d.ContentType]
}

var contentTypes = map[string][]string{
	ContentTypeJSON: {"application/json"}, ContentTypeCharset: {"application/json; charset=utf-8"},
	ContentTypeVendor: {"application/vnd.api+json"}, ContentTypeMissing: nil, // nil keeps net/http from guessing one
}

func (a *answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	if w.Header().Get("Content-Length") == "" && a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that is gone is no trouble of the server's
}
