package minio

// redacted is what a Secret prints instead of its value.
const redacted = "[redacted]"

// Secret is a credential. However it is printed or encoded, the result is [redacted]; only
// Reveal returns the value.
type Secret string

// Reveal returns the value of the credential.
func (s Secret) Reveal() string { return string(s) }

// String returns [redacted].
func (Secret) String() string { return redacted }

// GoString returns [redacted].
func (Secret) GoString() string { return redacted }

// MarshalText returns [redacted]. Encoders of JSON, YAML and logs call it.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
