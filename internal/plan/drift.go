package plan

import (
	"slices"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

// Drift returns how the entries of the people in in.Roster must change so that they say what these
// people have in the organization, and a sentence for each thing that an entry cannot say. Kinds of
// access that the roster does not manage for a person stay out. in.Snapshot has all holders of all
// access but that of the kinds in unseen, which could not be read.
func Drift(in Input, unseen []org.Kind) (updates []roster.Update, remarks []string) {
	d := drift{drafter: drafter{in: in, unseen: unseen, names: map[*org.Access]string{}}, ix: newIndex(in)}
	d.held = d.ix.access
	cat := d.ix.catalog()
	for i := range d.ix.people {
		p := &d.ix.people[i]
		var decided decision
		d.ix.decideMembership(p, &decided)
		u := roster.Update{Email: p.Email, At: p.At, OnlyInTeams: p.OnlyInTeams}
		switch {
		case p.ended:
		case p.user == nil:
			u.Left = decided.state(p) == StateLeft
		case p.user.Suspended || p.isUnderOtherAddress():
		default:
			d.compareAccess(p, cat, &u)
		}
		if u.Left || u.APIEnabled != nil || len(u.Add)+len(u.Remove) > 0 {
			updates = append(updates, u)
		}
	}
	return updates, d.remarks
}

// drift compares the people of a roster with the organization.
type drift struct {
	drafter
	ix *index
}

// compareAccess fills in what the entry of p, a member, must say beyond what it says.
func (d *drift) compareAccess(p *person, cat catalog, u *roster.Update) {
	if api := p.user.APIEnabled; p.APIEnabled != nil && api != nil && *api != *p.APIEnabled {
		u.APIEnabled = api
	}
	for _, kind := range org.Kinds {
		refs := p.Refs(kind)
		if refs == nil || slices.Contains(d.unseen, kind) {
			continue
		}
		listed := map[*org.Access]bool{}
		for _, ref := range refs {
			a := cat.byName[kind][ref.Name]
			listed[a] = true
			if a != nil && d.held.of(p.user.ID).contain(a) {
				continue
			}
			if d.isGiven(p, kind, ref.Name) {
				d.remark("%s does not have the %s %q, which the defaults or a team give them: apply gives it to them",
					p.Email, kind, ref.Name)
				continue
			}
			if u.Remove == nil {
				u.Remove = map[org.Kind][]string{}
			}
			u.Remove[kind] = append(u.Remove[kind], ref.Name)
		}
		for a := range d.held.of(p.user.ID).access() {
			if a.Kind != kind || listed[a] {
				continue
			}
			name := d.name(a)
			if name == "" {
				d.remark("%s has the %s %q, which a roster cannot name", p.Email, kind, a.Name)
				continue
			}
			if u.Add == nil {
				u.Add = map[org.Kind][]string{}
			}
			u.Add[kind] = append(u.Add[kind], name)
		}
		slices.SortFunc(u.Add[kind], strings.Compare)
	}
}

// isGiven reports whether the defaults or a team of p, which hold whatever the entry says, give the name.
func (d *drift) isGiven(p *person, kind org.Kind, name string) bool {
	has := func(refs []roster.Ref) bool {
		return slices.ContainsFunc(refs, func(r roster.Ref) bool { return r.Name == name })
	}
	if has(d.in.Roster.Defaults.Refs(kind)) {
		return true
	}
	for i := range d.in.Roster.Teams {
		t := &d.in.Roster.Teams[i]
		inTeam := slices.ContainsFunc(p.Teams, func(m roster.Membership) bool { return m.Team == t.Name })
		if inTeam && has(t.Refs(kind)) {
			return true
		}
	}
	return false
}
