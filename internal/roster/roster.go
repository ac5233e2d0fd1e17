// Package roster reads the files in which a company keeps the members of its organization, and reports every problem
// in them with its place. It asks nothing of the network: a roster that passes here is well-formed, not yet carried out.
package roster

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// What stands for a setting that the roster leaves out.
const (
	defaultMaxInvites     = 100
	defaultMaxRemovals    = 5
	defaultReinviteRounds = 4
	defaultMaxRevokes     = 25
	defaultUnlistedAfter  = 24 * time.Hour
)

// Roster is the merged content of all roster files.
type Roster struct {
	// Files are the files read, in the order they were merged.
	Files []string
	// Organization is the pin: the name or id of the only organization to act on. "" pins none.
	Organization string
	// OrganizationAt is where the pin stands.
	OrganizationAt Position
	Settings       Settings
	// Defaults has the access fields that stand for everybody. They are merged into People.
	Defaults Person
	// People are in the order of the files; no two have an address or alias in common.
	People []Person
}

// Settings bound what one run may do.
type Settings struct {
	// AllowedDomains are in IDNA ASCII form, lower case; empty allows every domain.
	AllowedDomains []string
	// MaxInvites is the most invitation mails in one run, new ones and renewed ones together; 0 allows none.
	MaxInvites int
	// MaxRemovals is the most people suspended or removed in one run; 0 allows none.
	MaxRemovals int
	// MaxRevokes is the most changes in one run that take access from members; 0 allows none.
	MaxRevokes int
	// UnlistedAfter is how long a user whom the ledger never saw in a roster must have been seen unlisted before they are
	// suspended or removed; 0: at once.
	UnlistedAfter time.Duration
	HiddenMembers HiddenMembersPolicy
	// ReinviteRounds is how many mails in all a person gets who never answers; at least 1.
	ReinviteRounds int
	Unlisted       UnlistedPolicy
	ExtraAccess    ExtraAccessPolicy
	// Protected people are never suspended, removed or revoked.
	Protected []org.Address
}

// UnlistedPolicy says what happens to people who are in the organization but not in the roster.
type UnlistedPolicy string

// The policies for unlisted people; UnlistedReport is the default.
const (
	UnlistedReport  UnlistedPolicy = "report"
	UnlistedSuspend UnlistedPolicy = "suspend"
	UnlistedRemove  UnlistedPolicy = "remove"
)

// HiddenMembersPolicy says what happens to people of the roster whose membership the API key cannot see.
type HiddenMembersPolicy string

// The policies for hidden members; HiddenMembersHold is the default.
const (
	HiddenMembersHold   HiddenMembersPolicy = "hold"
	HiddenMembersInvite HiddenMembersPolicy = "invite"
)

// ExtraAccessPolicy says what happens to access that a listed person has beyond the roster.
type ExtraAccessPolicy string

// The policies for extra access; ExtraAccessReport is the default.
const (
	ExtraAccessReport ExtraAccessPolicy = "report"
	ExtraAccessRevoke ExtraAccessPolicy = "revoke"
)

// Person is one entry of the roster, with the defaults merged in.
type Person struct {
	Email org.Address
	// Aliases are other addresses that the same person may register with.
	Aliases []org.Address
	Name    string
	Note    string
	// External is true when the address is outside the allowed domains on purpose.
	External bool
	// Until is the last day of the person's membership, as midnight UTC at its beginning; zero: no end.
	Until time.Time
	// APIEnabled is nil when neither the entry nor the defaults name it: then it is left as it is.
	APIEnabled *bool
	// Groups, Roles and Policies are the defaults' and then the entry's own, without repetition. Nil: not managed,
	// left as they are. Empty but not nil: managed, and none wanted.
	Groups   []Ref
	Roles    []Ref
	Policies []Ref
	// At is where the entry begins.
	At Position
}

// Addresses are all of p's: the one that is invited, and the aliases.
func (p *Person) Addresses() []org.Address {
	return append([]org.Address{p.Email}, p.Aliases...)
}

// Refs are p's of one kind; nil: not managed.
func (p *Person) Refs(kind org.Kind) []Ref {
	switch kind {
	case org.KindGroup:
		return p.Groups
	case org.KindRole:
		return p.Roles
	default:
		return p.Policies
	}
}

// Ended tells whether the last day of p is over at now: from the day after, in UTC, p counts as unlisted.
func (p *Person) Ended(now time.Time) bool {
	return !p.Until.IsZero() && !now.Before(p.Until.AddDate(0, 0, 1))
}

// Compare orders positions by file, line and column.
func (p Position) Compare(other Position) int {
	return cmp.Or(cmp.Compare(p.File, other.File), cmp.Compare(p.Line, other.Line), cmp.Compare(p.Column, other.Column))
}

// Ref names a group, a role or a policy by its name or id.
type Ref struct {
	Name string
	At   Position
}

// Position is a place in a roster file; lines and columns count from 1.
type Position struct {
	File   string
	Line   int
	Column int
}

// String is file:line:column, as editors understand it.
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Source is file:line, as the plan names where a change comes from.
func (p Position) Source() string { return p.File + ":" + strconv.Itoa(p.Line) }
