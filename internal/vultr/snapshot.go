package vultr

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/org"
)

// ReadOrganization reads everything that a plan needs, all lists at the same time. It returns a complete snapshot or
// an error. It reads groups, roles and policies only if their kind is a key of wanted, and their holders only if
// wanted has their name or id. pin is as in [Client.Identify].
//
// Some lists may be missing without an error:
//   - If the key may not list users (403), UsersVisible is false.
//   - If the key may not read suspended users, or the API has no such list (403, 404), SuspendedVisible
//     is false.
//   - If the same is true of the account, Self is zero.
//   - If the same is true of the organizations, the organization is found as [Client.Identify] says.
//
// An invalid key (401) is always an error. It is also an error if the key may not read the
// invitations or a list in wanted, or if the list of users is empty.
// Invitations for another organization are an [*org.PinError].
func (c *Client) ReadOrganization(ctx context.Context, pin string, wanted org.Wanted) (org.Snapshot, error) {
	s, _, err := c.readOrganization(ctx, pin, wanted, false, func(org.Organization) {})
	return s, err
}

// confirmsOrganization reports whether the lists show that the key belongs to o: the list of suspended users of o has
// users, or an invitation names o. An empty list of suspended users confirms nothing: an API may answer with
// an empty list for an organization of somebody else.
func confirmsOrganization(o org.Organization, suspended []org.User, invitations []org.Invitation) bool {
	isOwn := func(i org.Invitation) bool { return i.OrgID != "" && strings.EqualFold(i.OrgID, o.ID) }
	return len(suspended) > 0 || slices.ContainsFunc(invitations, isOwn)
}

// ReadAhead starts [Client.ReadOrganization], and returns as soon as the organization is known. The
// caller can then do other work while the read continues. The function snapshot waits for the end
// of the read and returns its result. If ctx ends, the read ends too. If the read fails before the
// organization is known, ReadAhead returns the error of the read, and snapshot is nil.
func (c *Client) ReadAhead(ctx context.Context, pin string, wanted org.Wanted) (in org.Organization,
	snapshot func() (org.Snapshot, error), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var s org.Snapshot
	var failed error
	done := make(chan struct{})
	organization := make(chan org.Organization, 1)
	go func() {
		defer close(done)
		defer close(organization)
		s, _, failed = c.readOrganization(ctx, pin, wanted, false, func(o org.Organization) { organization <- o })
	}()
	in, known := <-organization
	if !known {
		<-done
		cancel()
		return org.Organization{}, nil, failed
	}
	return in, func() (org.Snapshot, error) {
		<-done
		cancel()
		return s, failed
	}, nil
}

// ReadAll reads the same as [Client.ReadOrganization], and all groups, roles and policies with all
// their holders. unseen has the kinds that the key may not read, or that the API does not have (403,
// 404). They are not an error.
func (c *Client) ReadAll(ctx context.Context, pin string) (s org.Snapshot, unseen []org.Kind, err error) {
	return c.readOrganization(ctx, pin, nil, true, func(org.Organization) {})
}

// readOrganization does the work of ReadOrganization or, if all is true, of ReadAll. It calls
// identified as soon as the organization is known.
func (c *Client) readOrganization(
	ctx context.Context, pin string, wanted org.Wanted, all bool, identified func(org.Organization),
) (s org.Snapshot, unseen []org.Kind, err error) {
	began := time.Now()
	var access []accessRow
	var suspended []org.User
	g, ctx := errgroup.WithContext(ctx)
	var paged [3]bool // the invitations, the users, the suspended users
	invitationsRead := make(chan struct{})
	var invitationsErr error
	g.Go(func() error {
		defer close(invitationsRead)
		s.Invitations, paged[0], invitationsErr = listPages(ctx, c, invitations)
		return invitationsErr
	})
	waitForInvitations := func() ([]org.Invitation, error) {
		<-invitationsRead
		return s.Invitations, invitationsErr
	}
	g.Go(func() (err error) {
		s.Users, paged[1], err = listPages(ctx, c, users)
		if hasStatus(err, http.StatusForbidden) {
			return nil
		}
		if err != nil {
			return err
		}
		s.UsersVisible = true
		invitations, err := waitForInvitations()
		if err != nil {
			return err
		}
		return c.readAcceptance(ctx, s.Users, invitations)
	})
	g.Go(func() (err error) {
		access, unseen, err = c.readAccess(ctx, wanted, all)
		return err
	})
	g.Go(func() (err error) {
		s.Self, err = c.readSelf(ctx)
		return err
	})
	g.Go(func() (err error) {
		found, err := c.identify(ctx, pin, waitForInvitations)
		if err != nil {
			return err
		}
		s.Organization, s.PinConfirmed = found.organization, found.confirmed
		identified(found.organization)
		if s.Organization.ID == "" {
			return nil
		}
		id, err := pathID(s.Organization.ID)
		if err != nil {
			return fmt.Errorf("list suspended users: %w", err)
		}
		suspended, paged[2], err = listPages(ctx, c, suspendedUsers(id))
		if IsForbiddenOrMissing(err) {
			return nil
		}
		s.SuspendedVisible = err == nil
		return err
	})
	if err := g.Wait(); err != nil {
		return org.Snapshot{}, nil, err
	}
	s.PinConfirmed = s.PinConfirmed || confirmsOrganization(s.Organization, suspended, s.Invitations)
	s.Paged = slices.Contains(paged[:], true)
	if s.UsersVisible {
		if err := checkUsers(s.Users); err != nil {
			return org.Snapshot{}, nil, err
		}
	}
	s.Users = withSuspended(s.Users, suspended)
	s.Access, s.OtherHolders = withHolders(access, s.Users)
	if err := org.CheckSameOrganization(s.Organization, pin, s.Invitations); err != nil {
		return org.Snapshot{}, nil, err
	}
	// The lists may not show what happened after the beginning. The server's time is known only to the second.
	s.Now = c.Now().Add(-time.Since(began).Truncate(time.Second))
	return s, unseen, nil
}
