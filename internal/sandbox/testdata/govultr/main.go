// Command govultr calls the methods of govultr that concern an organization, and prints what each of
// them returned: one line of JSON for each call, or for each list with all its pages. TestRealClients
// builds it with several versions of govultr and compares the lines.
//
// The address and the key of the API are in VULTR_API_URL and VULTR_API_KEY.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/vultr/govultr/v3"
)

// keyTransport adds the key to each request.
type keyTransport struct{ key string }

func (t keyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+t.key)
	return http.DefaultTransport.RoundTrip(r)
}

var ctx = context.Background()

// call is the name of a call. Its methods print what the call returned.
type call string

func (c call) print(value any, err error) {
	line := struct {
		Call  call   `json:"call"`
		Value any    `json:"value,omitempty"`
		Error string `json:"error,omitempty"`
	}{Call: c, Value: value}
	if err != nil {
		line.Value, line.Error = nil, err.Error()
	}
	text, err := json.Marshal(line)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(text))
}

func (c call) done(err error) { c.print(nil, err) }

func (c call) object(value any, _ *http.Response, err error) { c.print(value, err) }

// all prints a list that has no pages.
func (c call) all(value any, _ *govultr.Meta, _ *http.Response, err error) { c.print(value, err) }

// pageReader reads one page of a list.
type pageReader[T any] func(*govultr.ListOptions) ([]T, *govultr.Meta, *http.Response, error)

// list prints all pages of a list, with two rows on each, and returns the rows.
func list[T any](name call, read pageReader[T]) (rows []T) {
	var pages [][]T
	var totals []int
	for options := (&govultr.ListOptions{PerPage: 2}); ; {
		page, meta, _, err := read(options)
		if err != nil {
			name.print(nil, err)
			return nil
		}
		pages, totals, rows = append(pages, page), append(totals, meta.Total), append(rows, page...)
		if options.Cursor = meta.Links.Next; options.Cursor == "" {
			name.print(map[string]any{"pages": pages, "totals": totals}, nil)
			return rows
		}
	}
}

// of reads the pages of a list that belongs to id.
func of[T any](
	method func(context.Context, string, *govultr.ListOptions) ([]T, *govultr.Meta, *http.Response, error), id string,
) pageReader[T] {
	return func(o *govultr.ListOptions) ([]T, *govultr.Meta, *http.Response, error) { return method(ctx, id, o) }
}

// every reads the pages of any other list.
func every[T any](
	method func(context.Context, *govultr.ListOptions) ([]T, *govultr.Meta, *http.Response, error),
) pageReader[T] {
	return func(o *govultr.ListOptions) ([]T, *govultr.Meta, *http.Response, error) { return method(ctx, o) }
}

func main() {
	client := govultr.NewClient(&http.Client{Transport: keyTransport{os.Getenv("VULTR_API_KEY")}})
	if err := client.SetBaseURL(os.Getenv("VULTR_API_URL")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	o := client.Organization

	organizations := list("ListOrganizations", every(o.ListOrganizations))
	organization := organizations[0].ID
	call("GetOrganization").object(o.GetOrganization(ctx, organization))
	call("Account.Get").object(client.Account.Get(ctx))

	invitations(o)
	users(client, organization)
	groups(o)
	access(o)
	lacking(client, organization)
}

func invitations(o govultr.OrganizationService) {
	first := ""
	for _, email := range []string{"di@example.com", "ed@example.com", "flo@example.com"} {
		request := &govultr.OrganizationInvitationReq{Email: email}
		request.Permissions.APIEnabled = first == ""
		made, _, err := o.CreateInvitation(ctx, request)
		call("CreateInvitation "+email).print(made, err)
		if first == "" && err == nil {
			first = made.ID
		}
	}
	list("ListInvitations", every(o.ListInvitations))
	if first == "" {
		return // its answer could not be read
	}
	call("GetInvitation").object(o.GetInvitation(ctx, first))
	call("ResendInvitation").object(o.ResendInvitation(ctx, first))
	again := &govultr.OrganizationInvitationReq{Email: "di@example.com"}
	call("CreateInvitation again").object(o.CreateInvitation(ctx, again))
	call("GetInvitation none").object(o.GetInvitation(ctx, "none"))
}

func users(client *govultr.Client, organization string) {
	o, yes := client.Organization, true
	list("User.List", every(client.User.List))
	call("User.Update").done(client.User.Update(ctx, "ada", &govultr.UserReq{APIEnabled: &yes}))
	call("User.Get").object(client.User.Get(ctx, "ada"))
	call("SuspendUser").done(o.SuspendUser(ctx, organization, "bob"))
	list("ListSuspendedUsers", of(o.ListSuspendedUsers, organization))
	call("UnsuspendUser").done(o.UnsuspendUser(ctx, organization, "bob"))
	list("ListSuspendedUsers, none", of(o.ListSuspendedUsers, organization))
	call("DeleteUser").done(o.DeleteUser(ctx, organization, "cy"))
	call("User.Get, deleted").object(client.User.Get(ctx, "cy"))
	list("User.List, one less", every(client.User.List))
}

func groups(o govultr.OrganizationService) {
	request := &govultr.OrganizationGroupReq{Name: "ops", Description: "on call"}
	made, _, err := o.CreateGroup(ctx, request)
	call("CreateGroup").print(made, err)
	if err != nil {
		return
	}
	member := &govultr.OrganizationGroupMemberReq{UserID: "ada", Name: "Ada"}
	call("AddGroupMember").done(o.AddGroupMember(ctx, made.ID, member))
	call("GetGroup").object(o.GetGroup(ctx, made.ID))
	request.Name = "on-call"
	call("UpdateGroup").object(o.UpdateGroup(ctx, made.ID, request))
	list("ListGroups", every(o.ListGroups))
	list("ListUserGroups", of(o.ListUserGroups, "ada"))
	list("ListCurrentUserGroups", every(o.ListCurrentUserGroups))
	call("RemoveGroupMember").done(o.RemoveGroupMember(ctx, made.ID, "ada"))
	list("ListUserGroups, removed", of(o.ListUserGroups, "ada"))
	call("DeleteGroup").done(o.DeleteGroup(ctx, made.ID))
	call("DeleteGroup again").done(o.DeleteGroup(ctx, made.ID))
}

// access attaches and detaches the roles and policies of the test's organization. Bob is in the group "team".
func access(o govultr.OrganizationService) {
	list("ListRoles", every(o.ListRoles))
	call("GetRole").object(o.GetRole(ctx, "viewer"))
	list("ListPolicies", every(o.ListPolicies))
	call("GetPolicy").object(o.GetPolicy(ctx, "look"))

	call("AttachRolePolicy").object(o.AttachRolePolicy(ctx, "viewer", "look"))
	call("AttachRoleUser").object(o.AttachRoleUser(ctx, "viewer", "ada"))
	call("AttachRoleGroup").object(o.AttachRoleGroup(ctx, "viewer", "team"))
	call("AttachPolicyUser").done(o.AttachPolicyUser(ctx, "pay", "ada"))
	call("AttachPolicyGroup").done(o.AttachPolicyGroup(ctx, "pay", "team"))

	list("ListRolePolicies", of(o.ListRolePolicies, "viewer"))
	list("ListRoleUsers", of(o.ListRoleUsers, "viewer"))
	list("ListRoleGroups", of(o.ListRoleGroups, "viewer"))
	list("ListPolicyUsers", of(o.ListPolicyUsers, "pay"))
	list("ListPolicyGroups", of(o.ListPolicyGroups, "pay"))
	call("ListGroupRoles").all(o.ListGroupRoles(ctx, "team"))
	call("ListGroupPolicies").all(o.ListGroupPolicies(ctx, "team"))
	for _, user := range []string{"ada", "bob"} {
		call("ListUserRoles " + user).all(o.ListUserRoles(ctx, user, nil))
		call("ListUserPolicies " + user).all(o.ListUserPolicies(ctx, user, nil))
	}
	call("ListCurrentUserRoles").all(o.ListCurrentUserRoles(ctx, nil))
	call("ListCurrentUserPolicies").all(o.ListCurrentUserPolicies(ctx, nil))

	call("DetachRolePolicy").done(o.DetachRolePolicy(ctx, "viewer", "look"))
	call("DetachRoleUser").done(o.DetachRoleUser(ctx, "viewer", "ada"))
	call("DetachRoleGroup").done(o.DetachRoleGroup(ctx, "viewer", "team"))
	call("DetachPolicyUser").done(o.DetachPolicyUser(ctx, "pay", "ada"))
	call("DetachPolicyGroup").done(o.DetachPolicyGroup(ctx, "pay", "team"))
	call("DetachPolicyGroup again").done(o.DetachPolicyGroup(ctx, "pay", "team"))
	list("ListRoleUsers, detached", of(o.ListRoleUsers, "viewer"))
	list("ListPolicyGroups, detached", of(o.ListPolicyGroups, "pay"))
	call("ListUserPolicies bob, detached").all(o.ListUserPolicies(ctx, "bob", nil))
}

// lacking calls what the simulation lacks; its answer says so.
func lacking(client *govultr.Client, organization string) {
	o := client.Organization
	call("CreateOrganization").object(o.CreateOrganization(ctx, &govultr.OrganizationReq{Name: "x"}))
	call("UpdateOrganization").object(o.UpdateOrganization(ctx, organization, &govultr.OrganizationReq{Name: "x"}))
	call("DeleteOrganization").done(o.DeleteOrganization(ctx, organization))
	call("RestoreOrganization").done(o.RestoreOrganization(ctx, organization))
	call("User.Create").object(client.User.Create(ctx, &govultr.UserReq{Email: "x@example.com"}))
	call("User.Delete").done(client.User.Delete(ctx, "ada"))
	call("CreateRole").object(o.CreateRole(ctx, &govultr.OrganizationRoleReq{Name: "x"}))
	call("UpdateRole").object(o.UpdateRole(ctx, "viewer", &govultr.OrganizationRoleReq{Name: "x"}))
	call("DeleteRole").done(o.DeleteRole(ctx, "viewer"))
	call("RestoreRole").object(o.RestoreRole(ctx, "viewer"))
	call("CreatePolicy").object(o.CreatePolicy(ctx, &govultr.OrganizationPolicyReq{Name: "x"}))
	call("UpdatePolicy").object(o.UpdatePolicy(ctx, "look", &govultr.OrganizationPolicyReq{Name: "x"}))
	call("DeletePolicy").done(o.DeletePolicy(ctx, "look"))
	call("RestorePolicy").object(o.RestorePolicy(ctx, "look"))
	call("CreateRoleTrust").object(o.CreateRoleTrust(ctx, &govultr.OrganizationRoleTrustCreateReq{RoleID: "x"}))
	list("ListRoleTrusts", every(o.ListRoleTrusts))
	call("CreateRoleSession").object(o.CreateRoleSession(ctx, &govultr.OrganizationRoleSessionReq{RoleID: "x"}))
	call("ListRoleSessions").all(o.ListRoleSessions(ctx, "ada"))
}
