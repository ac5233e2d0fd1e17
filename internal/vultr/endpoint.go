package vultr

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// endpoint is one kind of request that a check-up makes.
type endpoint struct {
	name, path string
	keys       []string // the keys of the rows of a list; nil for a single object
	// permission is the permission that it needs according to the documents
	// (iam-policy-actions-map; the how-to guide on inviting and granting access); "" if they name
	// none.
	permission string

	exchanges []exchange
	rows      int
	err       error
}

func (e *endpoint) observe(x exchange) { e.exchanges = append(e.exchanges, x) }

// status returns the status of the last answer; 0 if there is none.
func (e *endpoint) status() int {
	for _, x := range slices.Backward(e.exchanges) {
		if x.status != 0 {
			return x.status
		}
	}
	return 0
}

func (e *endpoint) verdict() org.Verdict {
	status := e.status()
	switch {
	case len(e.exchanges) == 0:
		return org.VerdictUntried
	case status == http.StatusUnauthorized:
		return org.VerdictRefused
	case status == http.StatusForbidden:
		return org.VerdictForbidden
	case status == http.StatusNotFound:
		return org.VerdictMissing
	case e.err != nil:
		return org.VerdictFailed
	}
	return org.VerdictAllowed
}

func (e *endpoint) allowed() bool { return e.verdict() == org.VerdictAllowed }

// lastRead returns the answers of the last time that the list was read, which begins with a
// request without a cursor.
func (e *endpoint) lastRead() []exchange {
	for i, x := range slices.Backward(e.exchanges) {
		if x.ok() && x.query.Get("cursor") == "" {
			return e.exchanges[i:]
		}
	}
	return nil
}

// rawRows returns the rows of the last read, not decoded.
func (e *endpoint) rawRows() []fields {
	var rows []fields
	for _, x := range e.lastRead() {
		for _, key := range e.keys {
			rows = append(rows, x.top.objects(key)...)
		}
	}
	return rows
}

// addKeyTrait adds which of its keys a list has; values are the names of the keys, in their order.
func (e *endpoint) addKeyTrait(t traits, axis string, values ...string) {
	for _, x := range e.lastRead() {
		for i, key := range e.keys {
			if _, found := x.top[key]; found {
				t.add(axis, values[i])
			}
		}
	}
}

func (e *endpoint) report(c *Client) org.Endpoint {
	out := org.Endpoint{
		Name: e.name, Path: e.path, Verdict: e.verdict(), Status: e.status(), Requests: len(e.exchanges), Rows: e.rows,
	}
	for _, x := range e.exchanges {
		if x.status != 0 {
			out.Latency = max(out.Latency, x.took)
		}
	}
	for _, x := range e.lastRead() {
		if x.ok() {
			out.Pages++
		}
	}
	if out.Verdict == org.VerdictForbidden {
		out.Permission = e.permission
	}
	if out.Verdict != org.VerdictAllowed && len(e.exchanges) > 0 {
		out.Message = e.message(c)
	}
	return out
}

// message returns what the server said, or what was wrong with its answer.
func (e *endpoint) message(c *Client) string {
	if failure, ok := errors.AsType[*org.CallError](e.err); ok {
		words := failure.Message
		if failure.Err != nil {
			words = strings.TrimPrefix(words+": "+failure.Err.Error(), ": ")
		}
		return c.clean(words)
	}
	last := e.exchanges[len(e.exchanges)-1] // a run does not need this answer
	return c.clean(failureText(answer{status: last.status, header: last.header}, last.body))
}
