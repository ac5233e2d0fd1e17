package vultr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
)

var organizations = listing[org.Organization]{
	op:   "list organizations",
	path: "/v2/organizations",
	keys: []string{"organizations", "orgs"}, // SPEC, govultr
	decode: func(f fields) org.Organization {
		return org.Organization{ID: f.text("id"), Name: f.name("name")}
	},
}

// Identify tells which organization the key acts on. pin is the roster's `organization` line, "" for none. The documents
// say only that the key determines the organization, so this is the best that reading can tell; the answer to
// the first write shows it for sure.
//
// A pin that names none of the key's organizations, and several of them without a pin, is an [*org.PinError].
func (c *Client) Identify(ctx context.Context, pin string) (org.Organization, error) {
	found, err := c.identify(ctx, pin, func() ([]org.Invitation, error) { return list(ctx, c, invitations) })
	return found.is, err
}

// identity is which organization the key acts on, as it was found out with a pin; the zero identity is not known yet.
type identity struct {
	pin string
	is  org.Organization
	// confirmed is true when the API named the organization; false: only the pin does.
	confirmed bool
}

// identify asks for the invitations only where the organizations are not shown, and for nothing that it has found out
// before: a key acts on the same organization as long as it lives.
func (c *Client) identify(ctx context.Context, pin string, rows func() ([]org.Invitation, error)) (identity, error) {
	var known identity
	select {
	case known = <-c.identity: // who asks at the same time waits for the answer
	case <-ctx.Done():
		return identity{}, call{op: organizations.op}.failed(org.NotSent, 0, "", ctx.Err())
	}
	defer func() { c.identity <- known }()
	if known.is.ID != "" && (pin == known.pin || pin == known.is.ID) {
		return known, nil
	}
	have, err := list(ctx, c, organizations)
	found, err := resolveOrganization(have, err, pin, rows)
	if err == nil {
		known = found
	}
	return found, err
}

// resolveOrganization picks the organization from what listing them gave.
func resolveOrganization(
	have []org.Organization, err error, pin string, rows func() ([]org.Invitation, error),
) (identity, error) {
	if err != nil && !IsHidden(err) {
		return identity{}, err
	}
	confirmed := func(have []org.Organization) (identity, error) {
		o, err := chooseOrganization(have, pin)
		return identity{pin, o, err == nil}, err
	}
	if len(have) > 0 {
		return confirmed(have)
	}
	listed, err := rows()
	if err != nil {
		return identity{}, err
	}
	have = organizationsIn(listed)
	switch {
	case len(have) == 1 && have[0].ID == "" && uuid.MatchString(pin):
		return identity{pin: pin, is: org.Organization{ID: strings.ToLower(pin), Name: have[0].Name}}, nil
	case len(have) > 0:
		return confirmed(have)
	case uuid.MatchString(pin):
		return identity{pin: pin, is: org.Organization{ID: strings.ToLower(pin)}}, nil
	case pin != "":
		return identity{}, fmt.Errorf("%w; name it by its id", &org.PinError{Pin: pin})
	}
	return identity{}, errors.New("the key shows no organization, neither in their list nor in an invitation; " +
		"name it by its id in the roster")
}

// uuid is what the ids of organizations look like in SPEC.
var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// chooseOrganization picks the organization that pin names, or the only one.
func chooseOrganization(have []org.Organization, pin string) (org.Organization, error) {
	var fit []org.Organization
	for _, o := range have {
		if pin != "" && strings.EqualFold(o.ID, pin) {
			return o, nil
		}
		if pin == "" || o.Is(pin) {
			fit = append(fit, o)
		}
	}
	if len(fit) != 1 {
		return org.Organization{}, &org.PinError{Pin: pin, Have: have}
	}
	return fit[0], nil
}

// checkSameOrganization makes sure that the invitations listed are those of o.
func checkSameOrganization(o org.Organization, pin string, invitations []org.Invitation) error {
	for _, other := range organizationsIn(invitations) {
		if o.ID != "" && other.ID != "" && !strings.EqualFold(other.ID, o.ID) {
			return &org.PinError{Pin: pin, Have: []org.Organization{o, other}}
		}
	}
	return nil
}

// organizationsIn are the organizations that the invitations speak of, each once.
func organizationsIn(invitations []org.Invitation) []org.Organization {
	var have []org.Organization
	seen := map[string]bool{}
	for _, i := range invitations {
		key := i.OrgID
		if key == "" {
			key = i.OrgName
		}
		if key != "" && !seen[key] {
			seen[key] = true
			have = append(have, org.Organization{ID: i.OrgID, Name: i.OrgName})
		}
	}
	return have
}
