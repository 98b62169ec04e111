package minio

// redacted is what a Secret shows instead of itself.
const redacted = "[redacted]"

// Secret is a credential. However it is printed or encoded, it shows as
// [redacted]; Reveal is the one way to its value.
type Secret string

// Reveal returns the credential itself.
func (s Secret) Reveal() string { return string(s) }

// String returns [redacted].
func (Secret) String() string { return redacted }

// GoString returns [redacted].
func (Secret) GoString() string { return redacted }

// MarshalText returns [redacted]; encoders of JSON, YAML and logs use it.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
