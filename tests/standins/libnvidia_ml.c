// A stand-in for NVIDIA's libnvidia-ml.so.1, for machines without a GPU: pynvml loads it as it would the driver's.
// The file that STANDIN_NVML names, by default `answers` beside the library, says what it answers, one "key = value" a
// line, and is read again at each call:
//
//   mib = 24576,8192                  the memory of each GPU, and so their number; default none
//   driver = 550.54.14                cuda = 12040
//   nvmlInitWithFlags = 18            an error of nvml.h that this function answers with
//   nvmlDeviceGetName = hang          it never comes back; slow: not while the file says so; crash: it ends
//                                     the process
//   name, uuid, pci (of one GPU), free_mib, unified (1: no memory for itself), compute = 8.6, bits, mhz, display (1), utilisation,
//   temperature, power, power_limit (milliwatts), throttled (nvml.h's bits), held (a process, which holds
//   held_mib, by default all that is not free), drawn (a process that draws, and holds as much)
//
// A key behind a GPU's number and a dot (1.name = ..., 0.nvmlDeviceGetMemoryInfo = 15) is of that GPU alone. What is
// not said is not supported, but for name, pci and uuid, and of the memory a quarter is in use. Without a file the
// environment speaks: STANDIN_NVML_MIB, _CUDA, _BITS, _MHZ, _HELD; _INIT and _MEMORY are errors. It is never what a
// user gets.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { NOT_FOUND = 6, NOT_SUPPORTED = 3, INVALID_ARGUMENT = 2, INSUFFICIENT_SIZE = 7, UNKNOWN = 999, ANY = -1 };
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned gpu, memory; } utilisation_t;
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char address[32]; } pci_t;
typedef struct { unsigned pid; unsigned long long used; unsigned instance, compute_instance; } process_t;

// the keys that the environment knows, too
static const char *const IN_ENVIRONMENT[][2] = {
    {"mib", "STANDIN_NVML_MIB"}, {"cuda", "STANDIN_NVML_CUDA"}, {"bits", "STANDIN_NVML_BITS"},
    {"mhz", "STANDIN_NVML_MHZ"}, {"held", "STANDIN_NVML_HELD"}, {"nvmlInitWithFlags", "STANDIN_NVML_INIT"},
    {"nvmlDeviceGetMemoryInfo", "STANDIN_NVML_MEMORY"},
};

// the value of a key in the file; 0 if it has none
static int in_file(const char *key, char *value, size_t size) {
    char beside[4096] = "", line[512], *middle;
    const char *path = getenv("STANDIN_NVML");
    Dl_info library;
    if (!path && dladdr((void *)in_file, &library) && strrchr(library.dli_fname, '/'))
        snprintf(beside, sizeof beside, "%.*s/answers",
                 (int)(strrchr(library.dli_fname, '/') - library.dli_fname), library.dli_fname);
    FILE *file = fopen(path ? path : beside, "r");
    int found = 0;
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if ((middle = strstr(line, " = "))) {
            *middle = 0;
            found = !strcmp(line, key);
            if (found) snprintf(value, size, "%s", middle + 3);
        }
    }
    if (file) fclose(file);
    return found;
}

static int text(int gpu, const char *key, char *value, size_t size) {
    char own[96];
    snprintf(own, sizeof own, "%d.%s", gpu, key);
    if ((gpu != ANY && in_file(own, value, size)) || in_file(key, value, size)) return 1;
    for (size_t i = 0; i < sizeof IN_ENVIRONMENT / sizeof *IN_ENVIRONMENT; i++) {
        const char *there = strcmp(IN_ENVIRONMENT[i][0], key) ? NULL : getenv(IN_ENVIRONMENT[i][1]);
        if (there) return snprintf(value, size, "%s", there), 1;
    }
    return 0;
}

static long long number(int gpu, const char *key, long long otherwise) {
    char value[64];
    return text(gpu, key, value, sizeof value) ? strtoll(value, NULL, 10) : otherwise;
}

// the error that a function answers with; 0 if it answers
static int outcome(int gpu, const char *function) {
    char value[64];
    if (!text(gpu, function, value, sizeof value)) return 0;
    while (!strcmp(value, "hang")) pause();
    while (!strcmp(value, "slow")) {
        usleep(10000);
        if (!text(gpu, function, value, sizeof value)) return 0;
    }
    if (!strcmp(value, "crash")) abort();
    return atoi(value);
}
#define ANSWER(gpu) do { int error = outcome(gpu, __func__); if (error) return error; } while (0)

// the memory of a GPU in MiB, 0 if there is none; *count: how many there are
static unsigned long long mib(int wanted, unsigned *count) {
    char all[256] = "", *at = all;
    unsigned long long found = 0;
    unsigned seen = 0;
    text(ANY, "mib", all, sizeof all);
    while (*at) {
        unsigned long long value = strtoull(at, &at, 10);
        if ((int)seen++ == wanted) found = value;
        if (*at) at++;
    }
    if (count) *count = seen;
    return found;
}

static int of(void *handle) { return (int)(long)handle - 1; }
static int number_of(void *handle, const char *key, unsigned *value) {
    long long found = number(of(handle), key, -1);
    *value = found > 0 ? (unsigned)found : 0;
    return found < 0 ? NOT_SUPPORTED : 0;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; ANSWER(ANY); return 0; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int error) { (void)error; return "an error that the stand-in was told to give"; }
int nvmlSystemGetCudaDriverVersion(int *version) {
    ANSWER(ANY);
    *version = (int)number(ANY, "cuda", 0);
    return *version ? 0 : UNKNOWN;
}
int nvmlSystemGetDriverVersion(char *version, unsigned size) {
    ANSWER(ANY);
    return text(ANY, "driver", version, size) ? 0 : UNKNOWN;
}
int nvmlDeviceGetCount_v2(unsigned *count) { ANSWER(ANY); mib(0, count); return 0; }

static void address(int gpu, char *value, size_t size) {
    char own[32];
    snprintf(own, sizeof own, "%d.pci", gpu);
    if (!in_file(own, value, size)) snprintf(value, size, "00000000:%02X:00.0", gpu + 1);
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    if (!mib((int)index, NULL)) return INVALID_ARGUMENT;
    ANSWER((int)index);
    *handle = (void *)(long)(index + 1);
    return 0;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char *wanted, void **handle) {
    unsigned count;
    char here[32];
    mib(0, &count);
    for (int gpu = 0; gpu < (int)count; gpu++) {
        address(gpu, here, sizeof here);
        if (strcasecmp(strchr(here, ':'), strchr(wanted, ':'))) continue;
        ANSWER(gpu);
        *handle = (void *)(long)(gpu + 1);
        return 0;
    }
    return NOT_FOUND;
}
int nvmlDeviceGetPciInfo_v3(void *handle, pci_t *pci) {
    ANSWER(of(handle));
    memset(pci, 0, sizeof *pci);
    address(of(handle), pci->address, sizeof pci->address);
    return 0;
}
int nvmlDeviceGetUUID(void *handle, char *value, unsigned size) {
    ANSWER(of(handle));
    if (!text(of(handle), "uuid", value, size)) snprintf(value, size, "GPU-0000000%d-stand-in", of(handle));
    return 0;
}
int nvmlDeviceGetName(void *handle, char *value, unsigned size) {
    ANSWER(of(handle));
    if (!text(of(handle), "name", value, size)) snprintf(value, size, "NVIDIA Stand-in");
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory) {
    ANSWER(of(handle));
    if (number(of(handle), "unified", 0)) return NOT_SUPPORTED;
    unsigned long long total = mib(of(handle), NULL);
    memory->total = total << 20;
    memory->free = (unsigned long long)number(of(handle), "free_mib", (long long)(total - total / 4)) << 20;
    memory->used = memory->total - memory->free;
    return 0;
}
int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
    char value[16];
    ANSWER(of(handle));
    return text(of(handle), "compute", value, sizeof value) && sscanf(value, "%d.%d", major, minor) == 2 ? 0 : NOT_SUPPORTED;
}
int nvmlDeviceGetMemoryBusWidth(void *handle, unsigned *bits) {
    ANSWER(of(handle));
    return number_of(handle, "bits", bits);
}
int nvmlDeviceGetMaxClockInfo(void *handle, int kind, unsigned *mhz) {
    ANSWER(of(handle));
    return kind == 2 ? number_of(handle, "mhz", mhz) : NOT_SUPPORTED;  // NVML_CLOCK_MEM
}
int nvmlDeviceGetDisplayMode(void *handle, unsigned *is_attached) {
    ANSWER(of(handle));
    return number_of(handle, "display", is_attached);
}
int nvmlDeviceGetUtilizationRates(void *handle, utilisation_t *found) {
    ANSWER(of(handle));
    found->memory = 0;
    return number_of(handle, "utilisation", &found->gpu);
}
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius) {
    (void)sensor;
    ANSWER(of(handle));
    return number_of(handle, "temperature", celsius);
}
int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) {
    ANSWER(of(handle));
    return number_of(handle, "power", milliwatts);
}
int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned *milliwatts) {
    ANSWER(of(handle));
    return number_of(handle, "power_limit", milliwatts);
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, unsigned long long *bits) {
    unsigned found = 0;
    ANSWER(of(handle));
    int error = number_of(handle, "throttled", &found);
    *bits = found;
    return error;
}

// its caller asks twice: first for the number, with no room at all
static int processes(void *handle, const char *key, unsigned *count, process_t *found) {
    unsigned pid = (unsigned)number(of(handle), key, 0);
    memory_t memory = {0, 0, 0};
    if (pid && !*count) {
        *count = 1;
        return INSUFFICIENT_SIZE;
    }
    if (pid) {
        nvmlDeviceGetMemoryInfo(handle, &memory);
        unsigned long long used = (unsigned long long)number(of(handle), "held_mib", (long long)(memory.used >> 20)) << 20;
        found[0] = (process_t){pid, used, 0xFFFFFFFF, 0xFFFFFFFF};
    }
    *count = pid ? 1 : 0;
    return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, process_t *found) {
    ANSWER(of(handle));
    return processes(handle, "held", count, found);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(void *handle, unsigned *count, process_t *found) {
    ANSWER(of(handle));
    return processes(handle, "drawn", count, found);
}
