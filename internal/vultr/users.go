package vultr

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/org"
)

const usersPath = "/v2/users"

var users = listing[org.User]{
	op:      "list users",
	path:    usersPath,
	keys:    []string{"users"},
	decode:  decodeUser,
	isEmpty: isEmptyUser,
	rowID:   rowIDOfUser,
	combine: combineUsers,
	address: addressOfUser,
}

// suspendedUsers is the list of the suspended users of an organization; its id has been checked by
// pathID.
func suspendedUsers(organization string) listing[org.User] {
	return listing[org.User]{
		op:      "list suspended users",
		path:    "/v2/organizations/" + organization + "/suspended-users",
		keys:    []string{"users"},
		decode:  decodeUser,
		isEmpty: isEmptyUser,
		rowID:   rowIDOfUser,
		combine: combineUsers,
		address: addressOfUser,
	}
}

// combineUsers returns what two rows about one user say together: the user is suspended if one of them says so, and has
// accepted if one of them does not deny it.
func combineUsers(earlier, row org.User) org.User {
	row.Accepted = row.AcceptedBeside(earlier)
	if earlier.Suspended && !row.Suspended {
		row.Suspended, row.StatusText = true, earlier.StatusText
	}
	return row
}

// isEmptyUser reports whether a row has nothing that identifies a user.
func isEmptyUser(u org.User) bool { return u.ID == "" && u.Email.IsZero() }

// rowIDOfUser returns the id of a user or, without one, the address. The name of a user may differ between two pages.
func rowIDOfUser(f fields) string {
	if f.text("id") == "" {
		if key := f.address("email").Key(); key != "" {
			return " " + key // no id begins with a space
		}
	}
	return f.rowID()
}

func addressOfUser(u org.User) org.Address { return u.Email }

func decodeUser(f fields) org.User {
	u := org.User{
		ID:             f.text("id"),
		Email:          f.address("email"),
		Name:           f.name("name"),
		APIEnabled:     f.flag("api_enabled"),
		Accepted:       f.flag("invite_accepted"),
		Service:        f.is("service_user", true),
		ServiceUnknown: f.flag("service_user") == nil,
	}
	u.Unidentified = !u.Service && f.isUnidentified("email", u.Email)
	u.AddressMissing = !u.Service && f.text("email") == ""
	if u.Name == "" {
		u.Name = strings.TrimSpace(f.name("first_name") + " " + f.name("last_name"))
	}
	// status is a bool in SPEC's example. SPEC does not say that false means suspended, so the client
	// reads the list of suspended users too. A user whose status is not understood counts as suspended:
	// such a user is not mailed and gets no access.
	switch status := f.state("status"); strings.ToLower(status) {
	case "", "true", "1", "active", "enabled":
	case "invited", "pending":
		u.Accepted = new(false)
	case "suspended":
		u.Suspended = true
	case "false", "0", "inactive", "disabled":
		u.Suspended = true
		if u.Accepted != nil && !*u.Accepted { // perhaps they are not active yet because they have not accepted
			u.StatusText = intern(status)
		}
	default:
		u.Suspended, u.StatusText = true, intern(status)
	}
	if at, understood := f.date("date_suspended"); f.mayBe("suspended") || !at.IsZero() || !understood {
		u.Suspended, u.StatusText = true, "" // whatever status means
	}
	// manage_users is the legacy ACL of users who may manage other users (SPEC). A policy may allow
	// that too, so other users may be admins as well.
	// Only the letters count, because the documents write the ACL in several ways. orgsync uses Admin only
	// so that it does not take away the last users who can manage users.
	onlyLetters := func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}
	u.Admin = bytes.Contains(bytes.Map(onlyLetters, f["acls"]), []byte("manageusers"))
	return u
}

// readAcceptance asks the API about each user in all whose last invitation is not accepted.
func (c *Client) readAcceptance(ctx context.Context, all []org.User, invitations []org.Invitation) error {
	last := lastInvitations(invitations)
	var asked []*org.User
	for i := range all {
		inv := last[all[i].Email.Key()]
		if !all[i].Email.IsZero() && inv != nil && inv.Status != org.StatusAccepted {
			asked = append(asked, &all[i])
		}
	}
	return c.ReadAcceptance(ctx, asked)
}

// ReadAcceptance asks the API about each of users, and sets their Accepted: perhaps the list of users also has invited
// people. In SPEC's examples, only the answer about a single user has invite_accepted. It leaves out service users, and
// users whose Accepted or NotFound is known.
func (c *Client) ReadAcceptance(ctx context.Context, users []*org.User) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, u := range users {
		if u.Accepted != nil || u.NotFound || u.Service || !IsValidID(u.ID) {
			continue
		}
		g.Go(func() error {
			a, err := c.read(ctx, call{op: "read the user", target: u.ID, path: usersPath + "/" + u.ID})
			if isRefusedByAPI(err) {
				u.NotFound = hasStatus(err, http.StatusNotFound)
				return nil
			}
			if err != nil {
				return err
			}
			f := a.fields.unwrap("user")
			alone := decodeUser(f)
			if !strings.EqualFold(alone.ID, u.ID) || alone.Accepted == nil {
				return nil
			}
			if *alone.Accepted {
				u.Accepted = alone.Accepted
				return nil
			}
			// A user who was created without an invitation has no date of one.
			invitedOn, understood := f.date("invited_on")
			isUndated := isEmptyValue(f["invited_on"]) || understood && invitedOn.IsZero()
			if !isUndated || !isEmptyValue(f["invited_by"]) {
				u.Accepted = alone.Accepted
				if !u.SuspendedListed {
					u.Suspended, u.StatusText = alone.Suspended, alone.StatusText
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// lastInvitations returns the last invitation to each address, by the key of the address. An accepted invitation counts
// for the address that accepted it, and for the time of the acceptance. If the list does not show which invitation is
// the last one, an accepted one counts.
func lastInvitations(invitations []org.Invitation) map[string]*org.Invitation {
	last := make(map[string]*org.Invitation, len(invitations))
	timeOf := func(inv *org.Invitation) time.Time {
		if inv.Status == org.StatusAccepted {
			return org.Later(inv.SentAt(), inv.Responded)
		}
		return inv.SentAt()
	}
	for i := range invitations {
		inv := &invitations[i]
		key := inv.Invited.Key()
		if inv.Status == org.StatusAccepted && !inv.Registered.IsZero() {
			key = inv.Registered.Key()
		}
		other := last[key]
		if other == nil || timeOf(inv).After(timeOf(other)) ||
			timeOf(inv).Equal(timeOf(other)) && inv.Status == org.StatusAccepted {
			last[key] = inv
		}
	}
	return last
}

// withSuspended returns the users of both lists, without duplicates. The documents do not say
// whether the list of all users includes suspended users. If only the list of all users says who is a
// service user (govultr), this is unknown for users who are only in the other list. It is also unknown for a user of
// the first list whose service_user is missing or unreadable, if the API marks people with "service_user": false.
func withSuspended(all, suspended []org.User) []org.User {
	byID, byEmail := make(map[string]int, len(all)), make(map[string]int, len(all)) // indices in all
	saysService, saysPerson := false, false
	for i, u := range all {
		byID[strings.ToLower(u.ID)], byEmail[u.Email.Key()] = i, i
		saysService = saysService || !u.ServiceUnknown
		saysPerson = saysPerson || !u.ServiceUnknown && !u.Service
	}
	for i := range all {
		all[i].Unidentified = all[i].Unidentified && !(saysPerson && isUnknownService(all[i]))
		all[i].ServiceUnknown = all[i].ServiceUnknown && saysPerson
	}
	for _, u := range suspended {
		u.Suspended, u.SuspendedListed, u.StatusText = true, true, ""
		i, listed := byID[strings.ToLower(u.ID)]
		if u.ID == "" {
			i, listed = byEmail[u.Email.Key()]
		}
		if listed {
			all[i].Suspended, all[i].SuspendedListed, all[i].StatusText = true, true, ""
			continue
		}
		u.ServiceUnknown = u.ServiceUnknown && saysService
		u.Unidentified = u.Unidentified && !(saysPerson && isUnknownService(u))
		all = append(all, u)
	}
	return all
}

// isUnknownService reports whether u may be a service user: u has no address, and its row has no service_user. If the
// API marks people with "service_user": false, it marks all of them. Then u is not a person.
func isUnknownService(u org.User) bool { return u.ServiceUnknown && u.AddressMissing }

// checkUsers returns an error if the list of users cannot be true: it is empty although the key belongs to a user, or
// no person in it has an address that can be read.
func checkUsers(users []org.User) error {
	message := ""
	isService := func(u org.User) bool { return u.Service }
	people := slices.DeleteFunc(slices.Clone(users), isService)
	isIdentified := func(u org.User) bool { return !u.Unidentified }
	switch {
	case len(users) == 0:
		message = "the list is empty, but the key belongs to a user of the organization"
	case len(people) > 0 && !slices.ContainsFunc(people, isIdentified):
		message = "no user in the list has an address that can be read"
	default:
		return nil
	}
	return call{op: "list users"}.failed(org.Unreadable, 0, message, nil)
}

const accountPath = "/v2/account"

// readSelf returns the address of the user of the key; zero if the key may not read the account, or
// if the answer has no address.
func (c *Client) readSelf(ctx context.Context) (org.Address, error) {
	a, err := c.read(ctx, call{op: "read the account", path: accountPath})
	if IsForbiddenOrMissing(err) {
		return org.Address{}, nil
	}
	if err != nil {
		return org.Address{}, err
	}
	return a.fields.unwrap("account").address("email"), nil
}
