package plan

import (
	"cmp"
	"fmt"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Limits are the most that one run may do: the roster's, or what a flag put in their place.
type Limits struct {
	// MaxInvites bounds invitation mails, MaxRemovals people suspended or removed, and MaxRevokes changes that take access
	// from members. 0 allows none.
	MaxInvites, MaxRemovals, MaxRevokes int
}

// LimitError says that a plan holds more than one run may do.
type LimitError struct {
	// What is counted, in the singular, and Many in the plural; "" adds an s.
	What, Many     string
	Planned, Limit int
	// Setting is the roster's line and Flag the flag that lift the limit.
	Setting, Flag string
}

// Error prints both numbers.
func (e *LimitError) Error() string {
	what := cmp.Or(e.Many, e.What+"s")
	if e.Planned == 1 {
		what = e.What
	}
	return fmt.Sprintf("the plan has %d %s, but the limit for one run is %d", e.Planned, what, e.Limit)
}

// CheckLimits counts the changes that would run, those of held people included because they may run too. The
// error is a [*LimitError].
func (p Plan) CheckLimits() error {
	mails, removals, revokes := len(p.Held), 0, 0
	for _, c := range p.Changes {
		switch {
		case c.Action.Mails():
			mails++
		case c.Action == Suspend || c.Action == Remove:
			removals++
		case c.TakesAccess():
			revokes++
		}
	}
	if mails > p.Limits.MaxInvites {
		return &LimitError{What: "invitation mail", Planned: mails, Limit: p.Limits.MaxInvites, Setting: "max_invites",
			Flag: "--max-invites"}
	}
	if removals > p.Limits.MaxRemovals {
		return &LimitError{What: "removal", Planned: removals, Limit: p.Limits.MaxRemovals, Setting: "max_removals",
			Flag: "--max-removals"}
	}
	if revokes > p.Limits.MaxRevokes {
		return &LimitError{
			What: "change that takes access away", Many: "changes that take access away", Planned: revokes,
			Limit:   p.Limits.MaxRevokes,
			Setting: "max_revokes", Flag: "--max-revokes",
		}
	}
	return nil
}

// NeedsError says that the roster asks for something that the API key may not do.
type NeedsError struct {
	// What is Plan.Needs.
	What string
}

// Error is what the roster asks for, and that the key may not do it.
func (e *NeedsError) Error() string { return e.What }

// Err returns why p must not be carried out at all, a [*NeedsError] or a [*roster.ProblemsError]; nil when nothing says
// so.
func (p Plan) Err() error {
	switch {
	case p.Needs != "":
		return &NeedsError{What: p.Needs}
	case len(p.Problems) > 0:
		return &roster.ProblemsError{Problems: p.Problems}
	}
	return nil
}

// UnknownAccessError says that the organization lacks groups, roles or policies that the roster names.
type UnknownAccessError struct {
	// Names is how many.
	Names int
	// Missing are those of which the organization has none with that name, so that creating them
	// helps.
	Missing []org.AccessName
}

// Error counts the names; the notices of the plan say which.
func (e *UnknownAccessError) Error() string {
	if e.Names == 1 {
		return "the organization lacks 1 group, role or policy that the roster names"
	}
	return fmt.Sprintf("the organization lacks %d groups, roles and policies that the roster names", e.Names)
}

// CheckAccess returns an [*UnknownAccessError] if the organization lacks a group, role or policy that the roster names.
// The rest of such a plan can be carried out.
func (p Plan) CheckAccess() error {
	names := 0
	var missing []org.AccessName
	for _, n := range p.Notices {
		if n.Kind != UnknownAccess || !n.Holds() {
			continue
		}
		names++
		if n.Missing.Name != "" {
			missing = append(missing, n.Missing)
		}
	}
	if names == 0 {
		return nil
	}
	return &UnknownAccessError{names, missing}
}

// LacksAccess reports whether c is a grant that the organization lacks the group, role or policy for.
func (c Change) LacksAccess() bool { return c.Action == Grant && c.Detail.ID == "" }

// TakesAccess reports whether c takes access from a member who stays one.
func (c Change) TakesAccess() bool {
	return c.Action == Revoke || c.Action == Update && c.Detail.APIEnabled != nil && !*c.Detail.APIEnabled
}
