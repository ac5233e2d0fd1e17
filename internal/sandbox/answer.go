package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reply is the result of a route, before it is encoded.
type reply struct {
	status int
	object object // nil: no body
	// violation is as in [Request].
	violation string
}

// refuse returns the reply with an error. It has the same form as a real answer in issue 81 of
// terraform-provider-vultr.
func refuse(status int, text string) *reply {
	return &reply{status: status, object: object{"error": text, "status": status}}
}

// violate returns the reply to a request that the documents do not describe.
func violate(status int, text string) *reply {
	r := refuse(status, text)
	r.violation = text
	return r
}

// object is a JSON object.
type object map[string]any

// singleObject returns the reply with one object, which is under name unless the dialect has [EnvelopeBare].
func (c *call) singleObject(status int, name string, o object) *reply {
	if c.dialect.Envelope == EnvelopeBare {
		return &reply{status: status, object: o}
	}
	return &reply{status: status, object: object{name: o}}
}

var dateLayouts = map[string]string{
	DatesOffset: "2006-01-02T15:04:05-07:00", DatesZ: "2006-01-02T15:04:05Z", DatesSQL: time.DateTime,
	DatesMail: http.TimeFormat, DatesZone: "2006-01-02T15:04:05-0700",
}

// date returns t in the form of the dialect. The zero time is a date that is not set.
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

// text returns an address or a name with the escapes of the dialect.
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

// These do the same as the functions htmlspecialchars and addslashes of PHP.
var (
	htmlSpecialChars = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#039;")
	addSlashes       = strings.NewReplacer(`\`, `\\`, "'", `\'`, `"`, `\"`)
)

// answer is an encoded answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// refusal returns the answer to a request on which the server did not act.
func (s *Server) refusal(r *reply) answer {
	now := s.log.now()
	// If the file of the world cannot be read, the answer has the local time.
	_ = s.store.view(func(st *state) { now = s.store.worldNow(st) })
	return s.encode(r, now)
}

// encode returns the answer for a reply. now is the Date of the answer.
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
		panic(err) // impossible: objects have only types that JSON can encode
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
	_, _ = w.Write(a.body) // an error means only that the client has gone
}
