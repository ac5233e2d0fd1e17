package vultr

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/orgsync/orgsync/internal/org"
)

// Survey has the answers to all kinds of requests with which orgsync reads, and the results that
// the client decoded from the answers.
type Survey struct {
	// At is the server's time at the end of the survey.
	At time.Time
	// These endpoints have the requests and answers. Invitation reads one invitation by its id. User reads each user who
	// may not have accepted, by the id, and has no requests if there is no such user. Access reads the lists of groups,
	// roles and policies. For one example of each kind, Holders reads the users who have it.
	Organizations, Account, Invitations, Invitation, Users, User, Suspended Endpoint
	Access, Holders                                                         map[org.Kind]*Endpoint

	// Found has the results. A result is empty if it could not be read.
	Found struct {
		// Organizations are all organizations that the key may list.
		Organizations []org.Organization
		// Self is the address of the key's own user; zero if it is unknown.
		Self        org.Address
		Invitations []org.Invitation
		Users       []org.User
		// Organization is the organization that the key acts on. Err is the reason why it is unknown, why it
		// is not the organization of the roster, or why its id cannot be used; nil if none is the case.
		Organization org.Organization
		Err          error
		// PinConfirmed is true if an answer of the API, and not only the pin, names Organization.
		PinConfirmed bool
	}

	client *Client
	group  *accessRow // the group whose members were read; nil if none were
}

func newSurvey(c *Client) *Survey {
	const inviting, policies = "iam.invitation.*", "iam.policy.*"
	s := &Survey{
		client:        c,
		Organizations: Endpoint{Name: "organizations", Path: organizations.path, keys: organizations.keys},
		Account:       Endpoint{Name: "account", Path: accountPath},
		Invitations:   Endpoint{Name: "invitations", Path: invitationPath, keys: invitations.keys, Permission: inviting},
		Invitation:    Endpoint{Name: "one invitation", Path: invitationPath + "/{id}", Permission: inviting},
		Users:         Endpoint{Name: "users", Path: users.path, keys: users.keys},
		User:          Endpoint{Name: "one user", Path: users.path + "/{id}"},
		Suspended:     Endpoint{Name: "suspended users", Path: suspendedUsers("{id}").path, keys: suspendedUsers("").keys},
		Access:        map[org.Kind]*Endpoint{},
		Holders:       map[org.Kind]*Endpoint{},
	}
	listing := map[org.Kind]string{org.KindGroup: "iam.group.List", org.KindPolicy: policies}
	reading := map[org.Kind]string{org.KindGroup: "iam.group.Read", org.KindPolicy: policies}
	for _, kind := range org.Kinds {
		k := accessKinds[kind]
		s.Access[kind] = &Endpoint{Name: k.list.keys[0], Path: k.list.path, keys: k.list.keys, Permission: listing[kind]}
		s.Holders[kind] = &Endpoint{
			Name: k.holders + " of one " + string(kind), Path: k.list.path + "/{id}/" + k.holders, keys: k.keys,
			Permission: reading[kind],
		}
	}
	return s
}

// Endpoints returns all endpoints, in the order in which they are reported. It leaves out User if it has no requests.
func (s *Survey) Endpoints() []*Endpoint {
	all := []*Endpoint{&s.Organizations, &s.Account, &s.Invitations, &s.Invitation, &s.Users}
	if len(s.User.Exchanges) > 0 {
		all = append(all, &s.User)
	}
	all = append(all, &s.Suspended)
	for _, kind := range org.Kinds {
		all = append(all, s.Access[kind], s.Holders[kind])
	}
	return all
}

// Survey makes all kinds of requests with which orgsync reads. All of them are GET. It reads all
// pages of each list. Of the lists that exist for each group, role or policy, it reads only an
// example. pin is the key `organization` of the roster, "" if there is none.
//
// A rejected request is part of the result, not an error. Survey returns an error only if ctx ended,
// or if the API did not answer any request.
func (c *Client) Survey(ctx context.Context, pin string) (*Survey, error) {
	s := newSurvey(c)
	s.run(ctx, pin)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(s.Endpoints(), func(e *Endpoint) bool { return e.Status() != 0 }) {
		return nil, s.Organizations.Err
	}
	return s, nil
}

// run sends the requests, first those that need no id.
func (s *Survey) run(ctx context.Context, pin string) {
	c, found := s.client, &s.Found
	var first sync.WaitGroup
	first.Go(func() { found.Organizations = observeList(ctx, c, &s.Organizations, organizations) })
	first.Go(func() { found.Self, s.Account.Err = c.readSelf(withObserver(ctx, s.Account.observe)) })
	first.Go(func() { found.Invitations = observeList(ctx, c, &s.Invitations, invitations) })
	first.Go(func() { found.Users = observeList(ctx, c, &s.Users, users) })
	rows := make([][]accessRow, len(org.Kinds))
	for i, kind := range org.Kinds {
		first.Go(func() { rows[i] = observeList(ctx, c, s.Access[kind], accessKinds[kind].list) })
	}
	first.Wait()
	for i := range found.Organizations {
		found.Organizations[i].Name = c.redact(found.Organizations[i].Name)
	}
	listed := found.Invitations
	for i := range listed {
		listed[i].OrgName, listed[i].StatusText = c.redact(listed[i].OrgName), c.redact(listed[i].StatusText)
	}
	var known identity
	known, found.Err = resolveOrganization(found.Organizations, s.Organizations.Err, pin,
		func() ([]org.Invitation, error) {
			return listed, s.Invitations.Err
		})
	found.Organization, found.PinConfirmed = known.organization, known.confirmed
	if found.Err == nil {
		found.Err = org.CheckSameOrganization(found.Organization, pin, listed)
	}

	var second sync.WaitGroup
	for i, kind := range org.Kinds {
		if row := chooseExample(rows[i]); row != nil {
			if kind == org.KindGroup {
				s.group = row
			}
			e := s.Holders[kind]
			second.Go(func() {
				e.Err = c.readHolders(withObserver(ctx, e.observe), row)
				switch {
				case e.Err != nil || !row.Unreadable:
				case e.Status() != http.StatusNotFound:
					e.Err = call{op: "list who has the " + string(kind)}.failed(org.Unreadable, 0,
						"a row of the list does not say which user it is about", nil)
				case kind == org.KindGroup:
					e.Err = call{op: "list who has the group"}.failed(org.Unreadable, 0,
						"there is no such list, and the list of groups does not show the members either", nil)
				}
				e.Rows = len(e.rawRows())
			})
		}
	}
	if at := slices.IndexFunc(listed, func(i org.Invitation) bool { return IsValidID(i.ID) }); at >= 0 {
		second.Go(func() {
			_, s.Invitation.Err = c.Invitation(withObserver(ctx, s.Invitation.observe), listed[at].ID)
		})
	}
	second.Go(func() {
		var mu sync.Mutex
		observe := func(x Exchange) {
			mu.Lock()
			defer mu.Unlock()
			s.User.observe(x)
		}
		s.User.Err = c.readAcceptance(withObserver(ctx, observe), found.Users, listed)
	})
	switch id, err := pathID(found.Organization.ID); {
	case err == nil:
		second.Go(func() {
			suspended := observeList(ctx, c, &s.Suspended, suspendedUsers(id))
			found.PinConfirmed = found.PinConfirmed || confirmsOrganization(found.Organization, suspended, listed)
		})
	case found.Err != nil: // this is why the organization is unknown
	case found.Organization.ID == "":
		found.Err = org.ErrNoOrganizationID
	default:
		found.Err = fmt.Errorf("list suspended users: %w", err)
	}
	second.Wait()
	if s.Users.Allowed() {
		s.Users.Err = checkUsers(found.Users)
	}
	for _, single := range []*Endpoint{&s.Account, &s.Invitation, &s.User} {
		if single.Allowed() {
			single.Rows = 1
		}
	}
	s.At = c.Now()
}

// observeList reads a list and records its answers in e.
func observeList[T any](ctx context.Context, c *Client, e *Endpoint, l listing[T]) []T {
	var all []T
	all, e.Err = list(withObserver(ctx, e.observe), c, l)
	e.Rows = len(all)
	return all
}

// chooseExample returns the row whose holders the survey reads. Of the rows that can be given to people, it is the
// one with the most holders in the list of rows. It is nil if there is no such row.
func chooseExample(rows []accessRow) *accessRow {
	var best *accessRow
	for i := range rows {
		row := &rows[i]
		if row.Deleted || row.Assumable || !IsValidID(row.ID) {
			continue
		}
		if best == nil || len(row.holders()) > len(best.holders()) {
			best = row
		}
	}
	return best
}
