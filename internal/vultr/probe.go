package vultr

import (
	"context"
	"slices"
	"sync"

	"github.com/orgsync/orgsync/internal/org"
)

// probe is one check-up.
type probe struct {
	c *Client

	organizations, account, invitations, invitation, users, suspended endpoint
	// access has the lists of groups, roles and policies, holders the lists of users who have one
	// of them.
	access, holders map[org.Kind]*endpoint
}

func newProbe(c *Client) *probe {
	const inviting, policies = "iam.invitation.*", "iam.policy.*"
	p := &probe{
		c:             c,
		organizations: endpoint{name: "organizations", path: organizations.path, keys: organizations.keys},
		account:       endpoint{name: "account", path: accountPath},
		invitations:   endpoint{name: "invitations", path: invitationPath, keys: invitations.keys, permission: inviting},
		invitation:    endpoint{name: "one invitation", path: invitationPath + "/{id}", permission: inviting},
		users:         endpoint{name: "users", path: users.path, keys: users.keys},
		suspended:     endpoint{name: "suspended users", path: suspendedUsers("{id}").path, keys: suspendedUsers("").keys},
		access:        map[org.Kind]*endpoint{},
		holders:       map[org.Kind]*endpoint{},
	}
	listing := map[org.Kind]string{org.KindGroup: "iam.group.List", org.KindPolicy: policies}
	reading := map[org.Kind]string{org.KindGroup: "iam.group.Read", org.KindPolicy: policies}
	for _, kind := range org.Kinds {
		k := accessKinds[kind]
		p.access[kind] = &endpoint{name: k.list.keys[0], path: k.list.path, keys: k.list.keys, permission: listing[kind]}
		p.holders[kind] = &endpoint{
			name: k.holders + " of one " + string(kind), path: k.list.path + "/{id}/" + k.holders, keys: k.keys, permission: reading[kind],
		}
	}
	return p
}

func (p *probe) all() []*endpoint {
	all := []*endpoint{&p.organizations, &p.account, &p.invitations, &p.invitation, &p.users, &p.suspended}
	for _, kind := range org.Kinds {
		all = append(all, p.access[kind], p.holders[kind])
	}
	return all
}

// Probe makes all kinds of requests with which orgsync reads, all of them GET: one per page of
// each list, and one example where there is a list per group, role or policy. pin is the key
// `organization` of the roster, "" if there is none. The answers are written to record without
// personal data; nil records nothing.
//
// A rejected request is part of the result. An error is that of ctx or of record, or means that
// the API did not answer at all.
func (c *Client) Probe(ctx context.Context, pin string, record *Recorder) (org.Checkup, error) {
	p := newProbe(c)
	out := p.run(ctx, pin)
	if err := ctx.Err(); err != nil {
		return org.Checkup{}, err
	}
	noAnswer := !slices.ContainsFunc(p.all(), func(e *endpoint) bool { return e.status() != 0 })
	if noAnswer {
		return org.Checkup{}, p.organizations.err
	}
	for _, e := range p.all() {
		for _, x := range e.exchanges {
			if err := record.add(e.name, x); err != nil {
				return org.Checkup{}, err
			}
		}
		out.Endpoints = append(out.Endpoints, e.report(c))
	}
	return out, nil
}

// run sends the requests, first those that need no id.
func (p *probe) run(ctx context.Context, pin string) org.Checkup {
	var out org.Checkup
	var listed []org.Invitation
	var people, suspended []org.User

	var first sync.WaitGroup
	first.Go(func() { out.Organizations = observeList(ctx, p.c, &p.organizations, organizations) })
	first.Go(func() { out.Self, p.account.err = p.c.readSelf(withObserver(ctx, p.account.observe)) })
	first.Go(func() { listed = observeList(ctx, p.c, &p.invitations, invitations) })
	first.Go(func() { people = observeList(ctx, p.c, &p.users, users) })
	rows := make([][]accessRow, len(org.Kinds))
	for i, kind := range org.Kinds {
		first.Go(func() { rows[i] = observeList(ctx, p.c, p.access[kind], accessKinds[kind].list) })
	}
	first.Wait()
	for i := range out.Organizations {
		out.Organizations[i].Name = p.c.redact(out.Organizations[i].Name)
	}
	for i := range listed {
		listed[i].OrgName, listed[i].StatusText = p.c.redact(listed[i].OrgName), p.c.redact(listed[i].StatusText)
	}
	var found identity
	found, out.Unable = resolveOrganization(out.Organizations, p.organizations.err, pin, func() ([]org.Invitation, error) {
		return listed, p.invitations.err
	})
	out.Organization = found.is
	if out.Unable == nil {
		out.Unable = checkSameOrganization(out.Organization, pin, listed)
	}

	var second sync.WaitGroup
	var group *accessRow // the group whose members are read
	for i, kind := range org.Kinds {
		if row := chooseExample(rows[i]); row != nil {
			if kind == org.KindGroup {
				group = row
			}
			e := p.holders[kind]
			second.Go(func() {
				e.err = p.c.readHolders(withObserver(ctx, e.observe), row)
				e.rows = len(e.rawRows())
			})
		}
	}
	if at := slices.IndexFunc(listed, func(i org.Invitation) bool { return isID(i.ID) }); at >= 0 {
		second.Go(func() {
			_, p.invitation.err = p.c.Invitation(withObserver(ctx, p.invitation.observe), listed[at].ID)
		})
	}
	if id, err := pathID(out.Organization.ID); err == nil {
		second.Go(func() { suspended = observeList(ctx, p.c, &p.suspended, suspendedUsers(id)) })
	}
	second.Wait()
	if p.users.allowed() {
		p.users.err = checkUsers(org.Snapshot{Users: people, Self: out.Self, Invitations: listed}, suspended, slices.Concat(rows...))
	}
	for _, single := range []*endpoint{&p.account, &p.invitation} {
		if single.allowed() {
			single.rows = 1
		}
	}

	out.At = p.c.Now()
	p.diagnose(&out, listed, people)
	out.Traits = p.traits(out, group)
	return out
}

// observeList reads a list and records its answers in e.
func observeList[T any](ctx context.Context, c *Client, e *endpoint, l listing[T]) []T {
	var all []T
	all, e.err = list(withObserver(ctx, e.observe), c, l)
	e.rows = len(all)
	return all
}

// chooseExample returns the row whose holders are read as an example: of those that can be given
// to people, the one with the most members in its list; nil if there is none.
func chooseExample(rows []accessRow) *accessRow {
	var best *accessRow
	for i := range rows {
		row := &rows[i]
		if row.Deleted || row.Assumable || !isID(row.ID) {
			continue
		}
		if best == nil || len(row.holders()) > len(best.holders()) {
			best = row
		}
	}
	return best
}
