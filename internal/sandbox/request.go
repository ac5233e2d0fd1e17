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

// call is a parsed request.
type call struct {
	*state
	now     time.Time // by the clock of the world
	dialect Dialect
	pageCap int
	listLag time.Duration

	route  *route
	params []string // the ids in the path, in order
	// The objects with these ids. Objects of which the path has no id are zero.
	invitation Invitation
	user       User
	group      Group
	member     member
	role       Role
	policy     Policy

	page  pageRequest
	body  any   // the result of route.body
	fault *rule // nil: there is none
}

// hasFault reports whether the answer must have a fault of this kind.
func (c *call) hasFault(kind FaultKind) bool { return c.fault != nil && c.fault.Kind == kind }

const maxBody = 1 << 20

func readBody(r *http.Request) (body []byte, tooLong bool) {
	body, _ = io.ReadAll(io.LimitReader(r.Body, maxBody+1)) // after an error, the body is incomplete and will be refused
	if len(body) > maxBody {
		return body[:maxBody], true
	}
	return body, false
}

// parseCall parses a request, or refuses a request that the documents do not describe. It does not use the world.
func (s *Server) parseCall(r *http.Request, body []byte, tooLong bool) (*call, *reply) {
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
		// govultr also sends the options of a list in a body, which the real API ignores.
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

// rawFields are the fields of a JSON object, not decoded.
type rawFields map[string]json.RawMessage

// parseFields parses a JSON object. It returns an error if the object has a field that is not in names.
func parseFields(body []byte, names ...string) (rawFields, error) {
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

// text returns the string in a field. It returns an error if the field is missing, empty or not a string.
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

// pageRequest has the parameters for a page of a list.
type pageRequest struct {
	perPage int
	path    string
	at      *cursor // nil: the first page
}

// parsePage parses the parameters per_page and cursor. It refuses any other parameter, and any parameter if list is
// false.
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
