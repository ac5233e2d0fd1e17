package vultr

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/org"
)

// ReadOrganization reads everything that a plan needs, all lists at the same time. The result is
// complete or an error. It reads the groups, roles and policies in wanted; nil wants none.
//
// Missing permissions are not failures: if users may not be listed (403), UsersSeen is false; if
// suspended users or the account may not be read or do not exist (403, 404), SuspendedSeen is false
// or Self is zero; for organizations see [Client.Identify]. An invalid key (401) is always an
// error, and so are invitations that cannot be read, and an empty list of users if there are users.
// Invitations for another organization are an [*org.PinError].
func (c *Client) ReadOrganization(ctx context.Context, pin string, wanted org.Wanted) (org.Snapshot, error) {
	s, _, err := c.readOrganization(ctx, pin, wanted, false, func(org.Organization) {})
	return s, err
}

// ReadAhead is [Client.ReadOrganization], but returns as soon as the organization is known, so that
// the caller can do other work while the read continues. snapshot waits for the end of the read,
// which is also ended by ctx. If err is not nil, it is that of the read, which has then ended.
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

// ReadAll is [Client.ReadOrganization] with all groups, roles and policies and all their holders.
// Kinds that the key may not read, or that the API does not have (403, 404), are returned as unseen
// and are not an error.
func (c *Client) ReadAll(ctx context.Context, pin string) (s org.Snapshot, unseen []org.Kind, err error) {
	return c.readOrganization(ctx, pin, nil, true, func(org.Organization) {})
}

// readOrganization reads the wanted access, or with all everything that the key may read. It calls
// identified as soon as the organization is known.
func (c *Client) readOrganization(
	ctx context.Context, pin string, wanted org.Wanted, all bool, identified func(org.Organization),
) (s org.Snapshot, unseen []org.Kind, err error) {
	var access []accessRow
	var suspended []org.User
	g, ctx := errgroup.WithContext(ctx)
	var paged [3]bool             // the invitations, the users, the suspended users
	listed := make(chan struct{}) // closed when the invitations were read, or failed
	var failed error
	g.Go(func() error {
		defer close(listed)
		s.Invitations, paged[0], failed = listPages(ctx, c, invitations)
		return failed
	})
	rows := func() ([]org.Invitation, error) {
		<-listed
		return s.Invitations, failed
	}
	g.Go(func() (err error) {
		s.Users, paged[1], err = listPages(ctx, c, users)
		if hasStatus(err, http.StatusForbidden) {
			return nil
		}
		s.UsersSeen = err == nil
		return err
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
		found, err := c.identify(ctx, pin, rows)
		if err != nil {
			return err
		}
		s.Organization, s.PinConfirmed = found.is, found.confirmed
		identified(found.is)
		if s.Organization.ID == "" {
			return nil
		}
		id, err := pathID(s.Organization.ID)
		if err != nil {
			return fmt.Errorf("list suspended users: %w", err)
		}
		suspended, paged[2], err = listPages(ctx, c, suspendedUsers(id))
		if IsHidden(err) {
			return nil
		}
		s.SuspendedSeen = err == nil
		return err
	})
	if err := g.Wait(); err != nil {
		return org.Snapshot{}, nil, err
	}
	isOwn := func(i org.Invitation) bool { return i.OrgID != "" && strings.EqualFold(i.OrgID, s.Organization.ID) }
	s.PinConfirmed = s.PinConfirmed || s.SuspendedSeen || slices.ContainsFunc(s.Invitations, isOwn)
	s.Paged = slices.Contains(paged[:], true)
	if s.UsersSeen {
		if err := checkUsers(s, suspended, access); err != nil {
			return org.Snapshot{}, nil, err
		}
		s.Users = withSuspended(s.Users, suspended)
	}
	s.Access = withHolders(access, s.Users)
	if err := checkSameOrganization(s.Organization, pin, s.Invitations); err != nil {
		return org.Snapshot{}, nil, err
	}
	s.Now = c.Now()
	return s, unseen, nil
}
