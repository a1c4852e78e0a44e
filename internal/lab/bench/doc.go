// Package bench compares proxies side by side in one run on one machine: no
// proxy at all, a plain relay, HAProxy where it is installed, and utmsim with
// and without scanning. The same measures are taken of each in turn, round
// after round; what is reported is the median of the rounds and, since absolute
// figures drift with the machine, the ratio to the same load without a proxy in
// the same round.
//
// Every contender and the origin run in processes of their own; the load
// generator runs in this one. A protocol is data (see Protocol): its origin, its
// measures, its contenders. The package knows utmsim only as a program with a
// configuration file, as it knows HAProxy.
//
// Besides it measures how long the console of utmsim takes to answer while its session
// table is full and load wants all processors (see Answers), and what noise on the
// console's SSH port costs traffic (see NoiseRow).
//
// Everything is started on loopback in a temporary folder and ended by process
// id, also when the run is interrupted.
package bench
