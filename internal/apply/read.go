package apply

import (
	"context"
	"errors"
	"slices"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// ReadAndPlan reads the organization with read and makes a plan with decide. It returns both.
//
// A list with several pages may miss a user or an invitation that moves to another page during the reading. If there
// is such a list, and if needsTwoReadings is true for the plan, ReadAndPlan reads the organization again. It then
// makes the plan from both readings together.
func ReadAndPlan(
	ctx context.Context, read func(context.Context) (org.Snapshot, error), decide func(org.Snapshot) plan.Plan,
) (org.Snapshot, plan.Plan, error) {
	return readAndPlan(ctx, read, decide, needsTwoReadings)
}

// readAndPlan is like ReadAndPlan, but asks needsTwo whether the plan needs two readings.
func readAndPlan(
	ctx context.Context, read func(context.Context) (org.Snapshot, error), decide func(org.Snapshot) plan.Plan,
	needsTwo func(plan.Plan) bool,
) (org.Snapshot, plan.Plan, error) {
	snapshot, err := read(ctx)
	if err != nil {
		return org.Snapshot{}, plan.Plan{}, err
	}
	p := decide(snapshot)
	if !snapshot.Paged || !needsTwo(p) {
		return snapshot, p, nil
	}
	later, err := read(ctx)
	if err == nil {
		err = checkSameLists(snapshot.UsersVisible, snapshot.SuspendedVisible, later)
	}
	if err != nil {
		return org.Snapshot{}, plan.Plan{}, err
	}
	snapshot = snapshot.Merge(later)
	return snapshot, decide(snapshot), nil
}

// checkSameLists returns an error if a reading lacks a list that an earlier reading had. Without the list of users, a
// person who accepted once would look like a member. Without the list of suspended users, a suspended person would look
// like a person who left.
func checkSameLists(hadUsers, hadSuspended bool, later org.Snapshot) error {
	switch {
	case hadUsers && !later.UsersVisible:
		return errors.New("the API key is no longer allowed to list users")
	case hadSuspended && !later.SuspendedVisible:
		return errors.New("suspended users cannot be listed any more")
	}
	return nil
}

// needsTwoReadings reports whether p sends a mail, takes something from somebody, or concludes from the lists that a
// lost mail was not sent, that an unlisted user is gone, or that a suspension ended.
func needsTwoReadings(p plan.Plan) bool {
	mailsOrTakes := func(c plan.Change) bool {
		return c.Action.Mails() || c.Action.SuspendsOrRemoves() || c.TakesAccess()
	}
	isAbsence := func(f org.Fact) bool {
		return slices.Contains([]org.FactKind{org.FactAbsent, org.FactUserGone, org.FactActive}, f.Kind)
	}
	return len(p.Held) > 0 || slices.ContainsFunc(p.Changes, mailsOrTakes) || slices.ContainsFunc(p.Facts, isAbsence)
}
