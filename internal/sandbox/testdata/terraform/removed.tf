removed {
  from = vultr_organization_invitation.member
  lifecycle {
    destroy = false
  }
}
