package apply

import (
	"context"
	"slices"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// ReadAndPlan reads the organization with read and decides with decide. A list that comes in several pages
// may miss somebody who moves from one page to another meanwhile: where such a reading leads to a
// mail, takes something from somebody, or shows that a lost mail was not sent, the organization is
// read once more, and the plan is made from both readings together.
func ReadAndPlan(
	ctx context.Context, read func(context.Context) (org.Snapshot, error), decide func(org.Snapshot) plan.Plan,
) (org.Snapshot, plan.Plan, error) {
	snapshot, err := read(ctx)
	if err != nil {
		return org.Snapshot{}, plan.Plan{}, err
	}
	p := decide(snapshot)
	if !snapshot.Paged || !needsTwoReadings(p) {
		return snapshot, p, nil
	}
	later, err := read(ctx)
	if err != nil {
		return org.Snapshot{}, plan.Plan{}, err
	}
	snapshot = snapshot.Merge(later)
	return snapshot, decide(snapshot), nil
}

// needsTwoReadings reports whether p mails a person, takes something from one, or concludes that a lost mail was not
// sent.
func needsTwoReadings(p plan.Plan) bool {
	mailsOrTakes := func(c plan.Change) bool {
		return c.Action.Mails() || c.Action == plan.Suspend || c.Action == plan.Remove || c.TakesAccess()
	}
	isAbsent := func(f org.Fact) bool { return f.Kind == org.FactAbsent }
	return len(p.Held) > 0 || slices.ContainsFunc(p.Changes, mailsOrTakes) || slices.ContainsFunc(p.Facts, isAbsent)
}
