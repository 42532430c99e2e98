package tracing

// MostSpans is how many spans one request or run adds to its trace.
const MostSpans = mostSpans
