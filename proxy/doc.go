// Package proxy is the engine: it accepts clients, admits them through the
// session table and the failopen rules, wakes a driver for each exchange, holds
// objects until a scanner has judged them, moves bypassed sessions without
// looking at them, and ends sessions so that nothing of them is left.
//
// It deliberately knows no application protocol: what a request or a mail is,
// drivers say (see Driver). It parses no configuration and prints nothing.
//
// # Life of a session
//
//	accept -> admit -> refuse | bypass | inspect
//	inspect: exchange, exchange, ... (at rest in between) -> close -> one log line
//
// A session at rest is two descriptors, one table entry and no goroutine (and where
// it waits for a data connection, a listener; see Attaching). The reactor watches
// both sockets; when bytes arrive it starts a goroutine that
// calls the driver once per exchange and ends when there is nothing left to do.
//
// # Who owns what
//
// Session.state says who may touch a session. Resting: nobody; whoever moves it
// to running (the reactor, the sweeper) or killed (a drop, a restart, shutdown)
// owns it. Running: its goroutine. Only the owner closes descriptors. Everybody
// else may set flags on its sockets and wake it.
//
// # Lock order
//
//	Engine.mu    ->  Engine.gate  ->  sessiontable.Table (its own lock)
//	lingers.mu   ->  registry.mu
//	audits.mu    ->  scans.mu
//	scans.mu, workers.mu, eventLimiter.mu, dossier.mu, sessionContext.mu, rounds.mu: leaves, held alone
//
// No lock is held across a call that can block, a callback into a driver, or a
// log line; reading and closing lingering sockets under lingers.mu can't block.
package proxy
