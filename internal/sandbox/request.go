package sandbox

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call is one request that was understood, on its way through a route.
type call struct {
	*state
	now     time.Time // the world's clock
	dialect Dialect
	pageCap int
	listLag time.Duration

	route  *route
	params []string // what is in place of the pattern's {…}, in order
	// What the params name, as far as the route has such params.
	invitation Invitation
	user       User
	group      Group
	member     member
	role       Role
	policy     Policy

	page  pageRequest
	body  any // what route.body made
	fault *rule
}

// struck reports whether this answer is to be broken in the way of kind.
func (c *call) struck(kind Kind) bool { return c.fault != nil && c.fault.Kind == kind }

const maxBody = 1 << 20

func readBody(r *http.Request) (body []byte, tooLong bool) {
	body, _ = io.ReadAll(io.LimitReader(r.Body, maxBody+1)) // what a broken client did not send is missing in the body
	if len(body) > maxBody {
		return body[:maxBody], true
	}
	return body, false
}

// understand checks a request against the documents. It never looks at the world.
func (s *Server) understand(r *http.Request, body []byte, tooLong bool) (*call, *reply) {
	if refused := s.authorize(r); refused != nil {
		return nil, refused
	}
	c := &call{dialect: s.options.Dialect, pageCap: s.options.PageCap, listLag: s.options.ListLag}
	var refused *reply
	if c.route, c.params, refused = findRoute(r.Method, r.URL); refused != nil {
		return nil, refused
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, violate(http.StatusBadRequest, "The query cannot be read")
	}
	if c.page, refused = parsePage(c.route.list, r.URL.EscapedPath(), query); refused != nil {
		return nil, refused
	}
	if tooLong {
		return nil, violate(http.StatusRequestEntityTooLarge, "The body is longer than a megabyte")
	}
	if c.route.body == nil {
		// govultr sends the options of a list as a body too, which the real API ignores.
		if len(body) > 0 && (r.Method != http.MethodGet || !c.dialect.suitsGovultr()) {
			return nil, violate(http.StatusBadRequest, "This request has no body")
		}
		return c, nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, violate(http.StatusUnsupportedMediaType, "The Content-Type of a body is application/json")
	}
	if c.body, err = c.route.body(body); err != nil {
		return nil, violate(http.StatusBadRequest, "Body: "+err.Error())
	}
	return c, nil
}

func (s *Server) authorize(r *http.Request) *reply {
	values := r.Header.Values("Authorization")
	key, bearer := "", false
	if len(values) == 1 {
		key, bearer = strings.CutPrefix(values[0], "Bearer ")
	}
	if !bearer || key == "" || strings.ContainsAny(key, " \t") {
		return violate(http.StatusUnauthorized, "Authorization: Bearer and the key are missing")
	}
	if s.options.Key != "" && subtle.ConstantTimeCompare([]byte(key), []byte(s.options.Key)) != 1 {
		return refuse(http.StatusUnauthorized, "Invalid API token.")
	}
	return nil
}

// rawFields are the fields of a JSON object, not yet read.
type rawFields map[string]json.RawMessage

// fields reads one JSON object that has no other fields than those named, in exactly this spelling.
func fields(body []byte, names ...string) (rawFields, error) {
	var raw rawFields
	if err := json.Unmarshal(body, &raw); err != nil || raw == nil {
		return nil, errors.New("a JSON object with " + strings.Join(names, ", ") + " is wanted")
	}
	for name := range raw {
		if !slices.Contains(names, name) {
			return nil, errors.New("the field " + strconv.Quote(name) + " is not documented")
		}
	}
	return raw, nil
}

// text is a field that must be there and be a string that is not empty.
func (f rawFields) text(name string) (string, error) {
	var text string
	if err := json.Unmarshal(f[name], &text); err != nil || strings.TrimSpace(text) == "" {
		return "", errors.New(name + " must be a string that is not empty")
	}
	return text, nil
}

const (
	defaultPerPage = 100
	maxPerPage     = 500
)

// pageRequest is which page of a list is wanted.
type pageRequest struct {
	perPage int
	path    string
	at      *cursor // nil: the first page
}

// parsePage reads per_page and cursor, the only parameters there are, and only for lists.
func parsePage(list bool, path string, query url.Values) (pageRequest, *reply) {
	p := pageRequest{perPage: defaultPerPage, path: path}
	for name, values := range query {
		if !list || name != "per_page" && name != "cursor" {
			return p, violate(http.StatusBadRequest, "The parameter "+strconv.Quote(name)+" is not documented here")
		}
		if len(values) != 1 {
			return p, violate(http.StatusBadRequest, "The parameter "+name+" is given more than once")
		}
	}
	if query.Has("per_page") {
		n, err := strconv.Atoi(query.Get("per_page"))
		if err != nil || n < 1 || n > maxPerPage {
			return p, violate(http.StatusBadRequest, "per_page is a number from 1 to 500")
		}
		p.perPage = n
	}
	if text := query.Get("cursor"); text != "" {
		at, ok := parseCursor(text)
		if !ok || at.Path != path {
			return p, violate(http.StatusBadRequest, "The cursor is not one of this list")
		}
		p.at = &at
	}
	return p, nil
}
