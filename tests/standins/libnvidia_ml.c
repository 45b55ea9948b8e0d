// A stand-in for NVIDIA's libnvidia-ml.so.1, for machines without a GPU: pynvml loads it as it would the driver's.
// The environment says what it answers: STANDIN_NVML_INIT and STANDIN_NVML_MEMORY an error code (nvml.h's numbers),
// STANDIN_NVML_MIB the memory of each GPU, as in "12288,24576", STANDIN_NVML_CUDA the driver's CUDA, as in "12040"
// (unset: it does not say), STANDIN_NVML_BITS and STANDIN_NVML_MHZ its memory's bus and clock (likewise), STANDIN_NVML_HELD the process that holds a quarter of each GPU's memory, none if it is
// unset. It is never what a user gets.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned long long total, free, used; } memory_t;

static int code(const char *name) {
    const char *value = getenv(name);
    return value ? atoi(value) : 0;
}

// the memory of GPU number `wanted` in MiB, 0 if there is none; *count: how many there are
static unsigned long long mib(unsigned wanted, unsigned *count) {
    const char *at = getenv("STANDIN_NVML_MIB");
    unsigned long long found = 0;
    unsigned number = 0;
    while (at && *at) {
        char *end;
        unsigned long long value = strtoull(at, &end, 10);
        if (number++ == wanted) found = value;
        at = *end ? end + 1 : end;
    }
    if (count) *count = number;
    return found;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; return code("STANDIN_NVML_INIT"); }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int error) { (void)error; return "an error that the stand-in was told to give"; }
int nvmlSystemGetCudaDriverVersion(int *version) { *version = code("STANDIN_NVML_CUDA"); return *version ? 0 : 999; }
int nvmlDeviceGetCount_v2(unsigned *count) { mib(0, count); return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    *handle = (void *)(unsigned long)(index + 1);
    return mib(index, NULL) ? 0 : 2;
}
int nvmlDeviceGetUUID(void *handle, char *text, unsigned size) {
    snprintf(text, size, "GPU-0000000%lu-stand-in", (unsigned long)handle - 1);
    return 0;
}
int nvmlDeviceGetName(void *handle, char *text, unsigned size) {
    (void)handle;
    snprintf(text, size, "NVIDIA Stand-in");
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory) {
    memory->total = mib((unsigned)((unsigned long)handle - 1), NULL) << 20;
    memory->used = memory->total / 4;
    memory->free = memory->total - memory->used;
    return code("STANDIN_NVML_MEMORY");
}

int nvmlDeviceGetMemoryBusWidth(void *handle, unsigned *bits) {
    (void)handle;
    *bits = (unsigned)code("STANDIN_NVML_BITS");
    return *bits ? 0 : 3;  // NVML_ERROR_NOT_SUPPORTED
}
int nvmlDeviceGetMaxClockInfo(void *handle, int kind, unsigned *mhz) {
    (void)handle;
    *mhz = kind == 2 ? (unsigned)code("STANDIN_NVML_MHZ") : 0;  // NVML_CLOCK_MEM
    return *mhz ? 0 : 3;
}

// nvml.h's nvmlProcessInfo_t, and how its caller asks twice: first for the number, with no room at all
typedef struct { unsigned pid; unsigned long long used; unsigned instance, compute_instance; } process_t;

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, process_t *found) {
    unsigned pid = (unsigned)code("STANDIN_NVML_HELD");
    if (pid && !*count) {
        *count = 1;
        return 7;  // NVML_ERROR_INSUFFICIENT_SIZE: so many they are
    }
    if (pid) {
        memory_t memory;
        nvmlDeviceGetMemoryInfo(handle, &memory);
        found[0] = (process_t){pid, memory.used, 0xFFFFFFFF, 0xFFFFFFFF};
    }
    *count = pid ? 1 : 0;
    return 0;
}
