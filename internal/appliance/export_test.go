package appliance

// Drivers are the protocols that can be proxied, for tests that go over all of
// them.
var Drivers = drivers
