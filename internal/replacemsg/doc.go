// Package replacemsg is what people read in the place of content that they don't
// get: the messages there are, with the factory's texts, and the rendering of a text
// with what is known about the case.
//
// A value comes from outside, so that a rendered message has no more lines, tags or
// bytes than its text and its form allow, whatever the values are.
//
// The package does not know who sends a message, in which protocol, and where a
// changed text is kept.
package replacemsg
