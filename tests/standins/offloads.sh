#!/bin/sh
# A stand-in for llama-server with CUDA: it writes what a program writes that has its layers on a GPU (or $STANDIN_SAYS),
# then runs the real one, whose build is for the CPU.
echo "a stand-in for llama-server with CUDA; the real one for the CPU follows" >&2
echo "${STANDIN_SAYS:-load_tensors: offloaded 3/3 layers to GPU}" >&2
exec /app/llama-server "$@"
