// Read by jemalloc when the program starts, as its interface asks for; MALLOC_CONF in the
// environment overrules it. A training step asks for the same large tensors again and again: what
// was freed is kept for them, in huge pages, and never goes back to the kernel.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always,metadata_thp:auto";
}
