resource "vultr_organization_role" "new" {
  name                 = "new"
  description          = "cannot be created in the simulation"
  type                 = "assignable"
  max_session_duration = 3600
}
