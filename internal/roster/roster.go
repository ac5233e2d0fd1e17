// Package roster reads the files that list the people of an organization, and reports every problem
// in them with its position. It does not use the network, so it does not check whether the
// organization has the groups, roles and policies of a roster.
package roster

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// defaultSettings are the settings of a roster that has no settings.
var defaultSettings = Settings{
	MaxInvites:     100,
	MaxRemovals:    5,
	MaxRevokes:     25,
	UnlistedAfter:  24 * time.Hour,
	HiddenMembers:  HiddenMembersHold,
	ReinviteRounds: 4,
	Unlisted:       UnlistedReport,
	ExtraAccess:    ExtraAccessReport,
}

// Roster is the merged content of all roster files.
type Roster struct {
	// Files are the names of the files, in the order in which they were merged.
	Files []string
	// Organization is the name or id of the only organization to act on; "" allows any.
	Organization string
	// State is the place of the ledger and the lock, without secrets; "" if the roster names none. StateFile
	// is the file that names it. See also [Roster.StatePlace].
	State, StateFile string

	Settings Settings
	// Defaults has the access that every person gets. It is already merged into People.
	Defaults Person
	// People are the people in "users", in the order of the files, followed by people that only
	// teams list. Two people never have an address or alias in common.
	People []Person
	// Teams are the teams in the order of the files.
	Teams []Team
}

// Team is a team of people who get the same access. The members are in [Person.Teams].
type Team struct {
	Name        string
	Description string
	// Access is the access that the members get. If a team has a list that is not nil, even an empty
	// list, this kind of access is managed for all people of the roster. Otherwise, a person who
	// leaves a team would keep its access.
	Access
	// At is the position of the name.
	At Position
}

// Access is groups, roles and policies. A list that is nil is not managed: orgsync does not change
// this kind of access. A list that is empty but not nil means that a person must have none.
type Access struct {
	Groups   []Ref
	Roles    []Ref
	Policies []Ref
}

// Refs returns the list of this kind; nil if the kind is not managed.
func (a *Access) Refs(kind org.Kind) []Ref { return *a.RefsPointer(kind) }

// RefsPointer returns a pointer to the list of this kind, with which a caller can change the list.
func (a *Access) RefsPointer(kind org.Kind) *[]Ref {
	switch kind {
	case org.KindGroup:
		return &a.Groups
	case org.KindRole:
		return &a.Roles
	default:
		return &a.Policies
	}
}

// Membership says that a person is in a team.
type Membership struct {
	Team string
	// Until is the last day of the membership; zero means no end.
	Until Day
	Note  string
	// At is the position of the person in the team.
	At Position
}

// Settings are the limits and policies of a run.
type Settings struct {
	// AllowedDomains are in IDNA ASCII form, lower case; empty allows every domain.
	AllowedDomains []string
	// MaxInvites is the maximum number of invitation mails in one run, new and renewed together; 0
	// allows none.
	MaxInvites int
	// MaxRemovals is the maximum number of people suspended or removed in one run; 0 allows none.
	MaxRemovals int
	// MaxRevokes is the maximum number of changes in one run that revoke access of members; 0
	// allows none.
	MaxRevokes int
	// UnlistedAfter is the waiting time before orgsync suspends or removes an unlisted user that the
	// ledger never saw in a roster; 0 means no wait.
	UnlistedAfter time.Duration
	HiddenMembers HiddenMembersPolicy
	// ReinviteRounds is the maximum number of invitation mails to a person who never answers, at
	// least 1.
	ReinviteRounds int
	Unlisted       UnlistedPolicy
	ExtraAccess    ExtraAccessPolicy
	// Protected people are never suspended or removed, and their access is never revoked.
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

// HiddenMembersPolicy says what happens to people in the roster if the API key cannot see whether
// they are members.
type HiddenMembersPolicy string

// The policies for hidden members; HiddenMembersHold is the default.
const (
	HiddenMembersHold   HiddenMembersPolicy = "hold"
	HiddenMembersInvite HiddenMembersPolicy = "invite"
)

// ExtraAccessPolicy says what happens to access that a person has but that the roster does not
// list.
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
	// External is true if the address is intentionally outside the allowed domains.
	External bool
	// From is the person's first day in the organization; zero means that there is none.
	From Day
	// Until is the person's last day in the organization; zero means no end. For people that only teams list, it is the
	// last day of their last membership.
	Until Day
	// APIEnabled says whether the person may use the API. It is nil if neither the entry nor the
	// defaults set it; orgsync then does not change the API access of a member.
	APIEnabled *bool
	// Access is the access of the defaults, then of the entry and then of the teams, without
	// duplicates.
	Access
	// Teams are all memberships in the order of the files, even those that have ended (see
	// [Person.On]).
	Teams []Membership
	// OnlyInTeams is true if "users" does not list the person.
	OnlyInTeams bool
	// At is the position of the entry or, if OnlyInTeams, of the first membership.
	At Position
}

// StatePlace returns State. A relative folder counts from the folder of StateFile, so that it does not
// depend on where orgsync is started. If StateFile is a link, a relative folder is an error: the same roster would
// have another ledger in the folder of each link.
func (r *Roster) StatePlace() (string, error) {
	if !r.hasRelativeState() {
		return r.State, nil
	}
	if info, err := os.Lstat(r.StateFile); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return "", &LinkedStateError{r.StateFile, r.State}
	}
	return filepath.Join(filepath.Dir(r.StateFile), r.State), nil
}

func (r *Roster) hasRelativeState() bool {
	isDevice := strings.HasPrefix(r.StateFile, "/dev/") // such as /dev/stdin
	return r.State != "" && !strings.Contains(r.State, "://") && !filepath.IsAbs(r.State) && !isDevice
}

// StateIn returns State, or its path from top if it is relative and StateFile is in a folder below the folder top: two
// rosters with the same State in different folders have different ledgers.
func (r *Roster) StateIn(top string) string {
	below, err := filepath.Rel(top, filepath.Dir(r.StateFile))
	if err != nil || !filepath.IsLocal(below) || below == "." || !r.hasRelativeState() {
		return r.State
	}
	return filepath.Join(below, r.State)
}

// LinkedStateError says that a relative folder of the state has no fixed place, because its roster file is a
// symbolic link.
type LinkedStateError struct{ File, State string }

// Error returns a message with the state and the file.
func (e *LinkedStateError) Error() string {
	return fmt.Sprintf("the state %q is relative to the folder of %s, but this file is a symbolic link", e.State, e.File)
}

// Addresses returns the address to which orgsync sends invitations, followed by the aliases.
func (p *Person) Addresses() []org.Address {
	return append([]org.Address{p.Email}, p.Aliases...)
}

// On returns p without the memberships that have ended at now, and without the access that only these
// gave. A list of access may become empty, but it does not become nil. If no membership has ended, On
// returns p itself.
func (p *Person) On(now time.Time) *Person {
	ended := func(m Membership) bool { return m.Until.isOver(now) }
	if !slices.ContainsFunc(p.Teams, ended) {
		return p
	}
	current := *p
	current.Teams = slices.DeleteFunc(slices.Clone(p.Teams), ended)
	for _, kind := range org.Kinds {
		refs := current.RefsPointer(kind)
		*refs = slices.DeleteFunc(slices.Clone(*refs), func(r Ref) bool { return r.Until.isOver(now) })
	}
	return &current
}

// Compare returns a negative number if p is before other, 0 if they are equal, and otherwise a
// positive number. It compares the file, the line and then the column.
func (p Position) Compare(other Position) int {
	return cmp.Or(cmp.Compare(p.File, other.File), cmp.Compare(p.Line, other.Line), cmp.Compare(p.Column, other.Column))
}

// Ref is the name or id of a group, a role or a policy, with its position in the roster.
type Ref struct {
	Name string
	At   Position
	// Until is the last day on which the person has this access. It is zero unless only memberships with a last day
	// give the access.
	Until Day
}

// Position is a place in a roster file; lines and columns count from 1.
type Position struct {
	File   string
	Line   int
	Column int
}

// String returns file:line:column.
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Source returns file:line, the form in which plans show a position.
func (p Position) Source() string { return p.File + ":" + strconv.Itoa(p.Line) }

// ManagesForAll reports whether the defaults or a team have a list of this kind of access, so that r manages this kind
// for everybody.
func (r *Roster) ManagesForAll(kind org.Kind) bool {
	return r.Defaults.Refs(kind) != nil ||
		slices.ContainsFunc(r.Teams, func(t Team) bool { return t.Refs(kind) != nil })
}

// RequiredAccess returns the sorted names of the groups, roles and policies in r. A kind that r does
// not manage has no key in the result.
func (r *Roster) RequiredAccess() org.Wanted {
	required := org.Wanted{}
	add := func(a *Access) {
		for _, kind := range org.Kinds {
			if a.Refs(kind) != nil && required[kind] == nil {
				required[kind] = []string{}
			}
			for _, ref := range a.Refs(kind) {
				if at, found := slices.BinarySearch(required[kind], ref.Name); !found {
					required[kind] = slices.Insert(required[kind], at, ref.Name)
				}
			}
		}
	}
	for i := range r.People {
		add(&r.People[i].Access)
	}
	for i := range r.Teams {
		add(&r.Teams[i].Access)
	}
	return required
}
