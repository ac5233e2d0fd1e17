package vultr

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

// Edit makes one change other than a mail, and returns the number of requests that may have reached the server, also
// with an error. Requests are repeated and cancelled as in [Client.Invite]. An error is an [*org.CallError]. The
// error is Unconfirmed if the answer is a success with a text that may say that the edit was not made, such as
// "Cannot remove the owner".
//
// Removing a user ends their membership (DELETE /v2/organizations/{org}/user/{user}); their
// account remains.
func (c *Client) Edit(ctx context.Context, e org.Edit) (requests int, err error) {
	q := call{op: editNames[e.Op], target: e.Who.String(), mayBeEmpty: true}
	if err := q.setRequest(e); err != nil {
		return 0, q.failed(org.Refused, 0, "", err)
	}
	a, requests, err := c.write(ctx, q)
	if err != nil || a.fields.confirmsEdit() {
		return requests, err
	}
	failure := q.failed(org.Unreadable, a.status, c.CleanText("the answer says: "+textIn(a.fields.encode())), nil)
	failure.Unconfirmed = true
	return requests, failure
}

// confirmsEdit reports whether the answer f to an edit only confirms that the edit was made. It may be empty, or have
// an object of the organization, or a word for success. Any other text may say that the edit was not made.
func (f fields) confirmsEdit() bool {
	if f.isPlainObject() {
		return true
	}
	confirmed := true
	for name, raw := range f {
		member, text := memberName(name), strings.ToLower(f.text(name))
		switch kind := kindOf(raw); {
		case successMembers[member] && f.is(name, true), statusMembers[member] && successWords[text]:
			return true
		case errorMembers[member], member == "meta": // errorText found no error in it
		case statusMembers[member] && strings.IndexAny(text, "0123456789") == 0: // errorText found no error in this number
		case kind == "null", kind == "text" && text == "":
		case kind == "object" && (isEmptyObject(raw) || f.object(name).isPlainObject()):
		case kind == "list" && isListOfObjects(raw):
		default:
			confirmed = false
		}
	}
	return confirmed
}

// isPlainObject reports whether f is an object of the organization without a text about the request. A number or a word
// for success is no such text.
func (f fields) isPlainObject() bool {
	for name, raw := range f {
		isWord := kindOf(raw) == "number" || kindOf(raw) == "text" && successWords[strings.ToLower(f.text(name))]
		if remarkMembers[memberName(name)] && !isEmptyValue(raw) && !isWord {
			return false
		}
	}
	return f.isObject()
}

func isEmptyObject(raw json.RawMessage) bool { return len(decodeObject(raw)) == 0 }

// isListOfObjects reports whether raw is a list of objects of the organization; it may be empty.
func isListOfObjects(raw json.RawMessage) bool {
	return !slices.ContainsFunc(decodeElements(raw),
		func(e json.RawMessage) bool { return !decodeObject(e).isPlainObject() })
}

var editNames = map[org.EditOp]string{
	org.EditUpdate: "set the API access of", org.EditGrant: "grant to", org.EditRevoke: "revoke from",
	org.EditSuspend: "suspend", org.EditUnsuspend: "unsuspend", org.EditRemove: "remove",
}

// setRequest sets the method, path and body for e. It returns an error if e has an id that cannot
// be part of a path, or an unknown operation or kind.
func (q *call) setRequest(e org.Edit) error {
	var idErr error // the first error of id
	id := func(s string) string {
		checked, err := pathID(s)
		idErr = cmp.Or(idErr, err)
		return checked
	}
	userPath := func() string { return "/v2/organizations/" + id(e.Organization) + "/user/" + id(e.UserID) }
	access, known := accessKinds[e.Kind]
	holdersPath := func() string { return access.list.path + "/" + id(e.ID) + "/" + access.holders }
	switch {
	case e.Op == org.EditUpdate:
		q.method, q.path = http.MethodPatch, "/v2/users/"+id(e.UserID)
		q.body = struct {
			APIEnabled bool `json:"api_enabled"`
		}{e.APIEnabled}
	case e.Op == org.EditGrant && e.Kind == org.KindGroup:
		q.method, q.path = http.MethodPost, holdersPath()
		// The how-to page requires both. SPEC requires only display_name, and describes it as "user id
		// or display name".
		q.body = struct {
			UserID      string `json:"user_id"`
			DisplayName string `json:"display_name"`
		}{id(e.UserID), e.Who.String()}
	case e.Op == org.EditGrant && known:
		q.method, q.path = http.MethodPost, holdersPath()+"/"+id(e.UserID)
	case e.Op == org.EditRevoke && e.Kind == org.KindGroup:
		q.method, q.path = http.MethodDelete, holdersPath()+"/"+id(e.Membership)
	case e.Op == org.EditRevoke && known:
		q.method, q.path = http.MethodDelete, holdersPath()+"/"+id(e.UserID)
	case e.Op == org.EditSuspend:
		q.method, q.path = http.MethodPut, userPath()+"/suspend"
	case e.Op == org.EditUnsuspend:
		q.method, q.path = http.MethodPut, userPath()+"/unsuspend"
	case e.Op == org.EditRemove:
		q.method, q.path = http.MethodDelete, userPath()
	default:
		return fmt.Errorf("the API has no %s of a %q", e.Op, e.Kind)
	}
	return idErr
}
