resource "vultr_organization_invitation" "member" {
  for_each    = toset(["di@example.com", "ed@example.com"])
  email       = each.key
  api_enabled = true
}
