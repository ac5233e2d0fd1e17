# What TestTerraform applies to the organization of exampleOrganization.
terraform {
  required_providers {
    vultr = { source = "vultr/vultr" }
  }
}

data "vultr_organization" "org" {
  filter {
    name   = "name"
    values = ["Example Org"]
  }
}

data "vultr_user" "bob" {
  filter {
    name   = "email"
    values = ["bob@example.com"]
  }
}

# The provider's filters use the names of the API: a group has a display_name.
data "vultr_organization_group" "team" {
  filter {
    name   = "display_name"
    values = ["team"]
  }
}

data "vultr_organization_role" "viewer" {
  filter {
    name   = "name"
    values = ["viewer"]
  }
}

data "vultr_organization_policy" "pay" {
  filter {
    name   = "name"
    values = ["pay"]
  }
}

resource "vultr_organization_group" "ops" {
  name        = "ops"
  description = "on call"
}

resource "vultr_organization_policy_group_attachment" "ops_pay" {
  policy_id = data.vultr_organization_policy.pay.id
  group_id  = vultr_organization_group.ops.id
}

resource "vultr_organization_policy_user_attachment" "bob_pay" {
  policy_id = data.vultr_organization_policy.pay.id
  user_id   = data.vultr_user.bob.id
}

resource "vultr_organization_role_group_attachment" "ops_viewer" {
  role_id  = data.vultr_organization_role.viewer.id
  group_id = vultr_organization_group.ops.id
}

resource "vultr_organization_role_policy_attachment" "viewer_look" {
  role_id   = data.vultr_organization_role.viewer.id
  policy_id = "look"
}

import {
  to = vultr_organization_group.team
  id = data.vultr_organization_group.team.id
}

resource "vultr_organization_group" "team" {
  name        = "team"
  description = "the team"
}

output "read" {
  value = {
    organization = data.vultr_organization.org.name
    user         = { for k, v in data.vultr_user.bob : k => v if k != "filter" }
    group        = { for k, v in data.vultr_organization_group.team : k => v if k != "filter" }
    role         = { for k, v in data.vultr_organization_role.viewer : k => v if k != "filter" }
    policy       = { for k, v in data.vultr_organization_policy.pay : k => v if k != "filter" }
  }
}
