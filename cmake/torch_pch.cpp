// CMake attaches the precompiled torch headers to this file; the other targets reuse them from
// here.
