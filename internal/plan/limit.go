package plan

import (
	"cmp"
	"fmt"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Limits has the limits of one run, from the roster or from flags.
type Limits struct {
	// MaxInvites limits invitation mails, MaxRemovals suspensions and removals, and MaxRevokes changes that take access
	// from members. 0 allows none.
	MaxInvites, MaxRemovals, MaxRevokes int
}

// LimitError says that a plan has more changes of one type than one run may make.
type LimitError struct {
	// What names one such change. Many names several; if it is "", their name is What with an s.
	What, Many     string
	Planned, Limit int
	// Setting is the roster's key for the limit, and Flag is the flag for it.
	Setting, Flag string
}

// Error returns a message with both numbers.
func (e *LimitError) Error() string {
	what := cmp.Or(e.Many, e.What+"s")
	if e.Planned == 1 {
		what = e.What
	}
	return fmt.Sprintf("the plan has %d %s, but the limit for one run is %d", e.Planned, what, e.Limit)
}

// CheckLimits returns a [*LimitError] if p has more changes than its limits allow. Held mails count too, because they
// may be sent.
func (p Plan) CheckLimits() error {
	mails, removals, revokes := len(p.Held), 0, 0
	for _, c := range p.Changes {
		switch {
		case c.Action.Mails():
			mails++
		case c.Action.SuspendsOrRemoves():
			removals++
		case c.TakesAccess():
			revokes++
		}
	}
	for _, e := range []LimitError{
		{What: "invitation mail", Planned: mails, Limit: p.Limits.MaxInvites, Setting: "max_invites", Flag: "--max-invites"},
		{What: "removal", Planned: removals, Limit: p.Limits.MaxRemovals, Setting: "max_removals", Flag: "--max-removals"},
		{What: "change that takes access away", Many: "changes that take access away", Planned: revokes,
			Limit: p.Limits.MaxRevokes, Setting: "max_revokes", Flag: "--max-revokes"},
	} {
		if e.Planned > e.Limit {
			return &e
		}
	}
	return nil
}

// NeedsError says that the roster needs something that the API key may not do.
type NeedsError struct {
	What string // Plan.Needs
}

// Error returns e.What.
func (e *NeedsError) Error() string { return e.What }

// CheckProblems returns an error if p must not be carried out: a [*NeedsError] or a [*roster.ProblemsError].
func (p Plan) CheckProblems() error {
	switch {
	case p.Needs != "":
		return &NeedsError{What: p.Needs}
	case len(p.Problems) > 0:
		return &roster.ProblemsError{Problems: p.Problems}
	}
	return nil
}

// UnknownAccessError says that the roster names groups, roles or policies that do not exist in the organization or
// cannot be used.
type UnknownAccessError struct {
	// Names is the number of these names.
	Names int
	// Missing has the names that do not exist in the organization, so that it helps to create them.
	Missing []org.AccessName
}

// Error returns a message with the number of names. The notices of the plan have the names.
func (e *UnknownAccessError) Error() string {
	if e.Names == 1 {
		return "the roster names 1 group, role or policy that the organization does not have"
	}
	return fmt.Sprintf("the roster names %d groups, roles and policies that the organization does not have", e.Names)
}

// CheckAccess returns an [*UnknownAccessError] if the roster names a group, role or policy that cannot be used. The
// other changes of such a plan can be made.
func (p Plan) CheckAccess() error {
	names := 0
	var missing []org.AccessName
	for _, n := range p.Notices {
		if n.Kind != UnknownAccess || !n.Holds() {
			continue
		}
		names++
		if n.Unknown.Missing.Name != "" {
			missing = append(missing, n.Unknown.Missing)
		}
	}
	if names == 0 {
		return nil
	}
	return &UnknownAccessError{names, missing}
}

// LacksAccess reports whether c grants a group, role or policy that the organization does not have.
func (c Change) LacksAccess() bool { return c.Action == Grant && c.Detail.ID == "" }

// TakesAccess reports whether c takes access from a member who stays a member.
func (c Change) TakesAccess() bool {
	return c.Action == Revoke || c.Action == Update && c.Detail.APIEnabled != nil && !*c.Detail.APIEnabled
}
