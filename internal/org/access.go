package org

import (
	"slices"
	"strings"
)

// Kind is a kind of access: a group, a role or a policy.
type Kind string

// The kinds of access.
const (
	KindGroup  Kind = "group"
	KindRole   Kind = "role"
	KindPolicy Kind = "policy"
)

// Kinds lists all kinds in the order in which orgsync reads and reports them.
var Kinds = []Kind{KindGroup, KindRole, KindPolicy}

// Plural returns the plural of k, such as "policies".
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
	// Deleted is true if the access was deleted but is still listed. Nobody can be given such access.
	Deleted bool
	// Unreadable is true if the API does not say who has the access, or if its id cannot be used in a request. Nobody can
	// be given such access, and nothing is known about its holders.
	Unreadable bool
	// Assumable is true for a role that is used for a session. Vultr documents no way to attach such a role to a person.
	Assumable bool
	// Holders has an entry for each user who has the access directly, not through a group. The key is the user id. The
	// value is the id of the membership, which a request to revoke the access must send. It is often the user id again.
	Holders map[string]string
}

// Is reports whether name, which is from a roster, is the id or the name of a. HTML escapes in names make no
// difference: the API may escape names, and a roster may have copied them from the API.
func (a Access) Is(name string) bool {
	return name == a.ID || UnescapeHTML(name) == strings.TrimSpace(UnescapeHTML(a.Name))
}

// Wanted is the access that a roster manages: the names or ids in the roster, for each kind. If a kind is not among
// the keys, the roster does not manage this kind, and orgsync need not read it.
type Wanted map[Kind][]string

// Has reports whether w has the id or the name of a.
func (w Wanted) Has(a Access) bool { return slices.ContainsFunc(w[a.Kind], a.Is) }

// Edit is a write to the API that sends no mail. It does no harm to make an edit twice.
type Edit struct {
	Op EditOp
	// Who is the address of the person. Errors show it, and a request that adds the person to a group sends it as the
	// name of the new member.
	Who    Address
	UserID string
	// Organization is the id of the organization. EditSuspend, EditUnsuspend and EditRemove need it.
	Organization string
	// Kind and ID name the access that EditGrant grants or EditRevoke revokes.
	Kind Kind
	ID   string
	// Membership is the value in [Access.Holders]. EditRevoke needs it.
	Membership string
	// APIEnabled is the API access that EditUpdate sets.
	APIEnabled bool
}

// EditOp is the operation of an [Edit].
type EditOp string

// The operations.
const (
	EditUpdate    EditOp = "update"
	EditGrant     EditOp = "grant"
	EditRevoke    EditOp = "revoke"
	EditSuspend   EditOp = "suspend"
	EditUnsuspend EditOp = "unsuspend"
	// EditRemove removes the person from the organization. It does not delete the person's account.
	EditRemove EditOp = "remove"
)
