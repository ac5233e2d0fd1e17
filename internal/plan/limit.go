package plan

import "fmt"

// Limits are the most that one run may do: the roster's, or what a flag put in their place.
type Limits struct {
	// MaxInvites bounds invitation mails, MaxRemovals people suspended or removed. 0 allows none.
	MaxInvites, MaxRemovals int
}

// LimitError says that a plan holds more than one run may do.
type LimitError struct {
	// What is counted, in the singular.
	What           string
	Planned, Limit int
	// Setting is the roster's line and Flag the flag that lift the limit.
	Setting, Flag string
}

// Error prints both numbers.
func (e *LimitError) Error() string {
	plural := "s"
	if e.Planned == 1 {
		plural = ""
	}
	return fmt.Sprintf("the plan holds %d %s%s, and one run may do %d", e.Planned, e.What, plural, e.Limit)
}

// CheckLimits counts the very changes that would run, those of held people included because they may run too. The
// error is a [*LimitError].
func (p Plan) CheckLimits() error {
	mails, removals := len(p.Held), 0
	for _, c := range p.Changes {
		switch {
		case c.Action.Mails():
			mails++
		case c.Action == Suspend || c.Action == Remove:
			removals++
		}
	}
	if mails > p.Limits.MaxInvites {
		return &LimitError{What: "invitation mail", Planned: mails, Limit: p.Limits.MaxInvites, Setting: "max_invites", Flag: "--max-invites"}
	}
	if removals > p.Limits.MaxRemovals {
		return &LimitError{What: "removal", Planned: removals, Limit: p.Limits.MaxRemovals, Setting: "max_removals", Flag: "--max-removals"}
	}
	return nil
}
