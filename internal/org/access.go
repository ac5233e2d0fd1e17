package org

import (
	"slices"
	"strings"
)

// Kind is a kind of access that people can be given.
type Kind string

// The kinds, in the order in which they are read and told of.
const (
	KindGroup  Kind = "group"
	KindRole   Kind = "role"
	KindPolicy Kind = "policy"
)

// Kinds are all kinds.
var Kinds = []Kind{KindGroup, KindRole, KindPolicy}

// Plural returns the word for several of the kind, such as "policies".
func (k Kind) Plural() string {
	if k == KindPolicy {
		return "policies"
	}
	return string(k) + "s"
}

// Access is one group, role or policy of the organization.
type Access struct {
	Kind Kind
	ID   string
	Name string
	// Deleted is true for a group that was deleted and is still listed; nobody can be added to it.
	Deleted bool
	// Assumable is true for a role that is taken on for a session. The documents know no way to attach one to a person.
	Assumable bool
	// Holders are the users who have it directly, by user id: what they inherit from a group is not among them. The value
	// is what the API calls the user's membership when it is taken away, mostly the user id again.
	Holders map[string]string
}

// Is reports whether name, from a roster, means a by its id or its name. Either may be escaped for
// HTML: the API may escape what it shows, and the roster may have been made from that.
func (a Access) Is(name string) bool {
	return name == a.ID || Unescape(name) == strings.TrimSpace(Unescape(a.Name))
}

// Wanted is the access that a roster manages: for each managed kind the names or ids that it names. A kind that is not
// among the keys is not managed and need not be read.
type Wanted map[Kind][]string

// Has reports whether w names a.
func (w Wanted) Has(a Access) bool { return slices.ContainsFunc(w[a.Kind], a.Is) }

// Edit is a change of something other than an invitation. All of them can be repeated without harm.
type Edit struct {
	Op EditOp
	// Who is the person, for errors and as the name of a new group member.
	Who Address
	// UserID is the person's.
	UserID string
	// Organization is the organization's id; with EditSuspend, EditUnsuspend and EditRemove.
	Organization string
	// Kind and ID name what is granted or revoked.
	Kind Kind
	ID   string
	// Membership is the value of [Access.Holders]; with EditRevoke.
	Membership string
	// APIEnabled is what EditUpdate asks for.
	APIEnabled bool
}

// EditOp is what an edit does.
type EditOp string

// The edits.
const (
	EditUpdate    EditOp = "update"
	EditGrant     EditOp = "grant"
	EditRevoke    EditOp = "revoke"
	EditSuspend   EditOp = "suspend"
	EditUnsuspend EditOp = "unsuspend"
	// EditRemove takes the person out of the organization; their account stays.
	EditRemove EditOp = "remove"
)
