#!/bin/bash
# Stand-in for the entrypoint of the image atinoda/text-generation-webui, for tests, never what a user gets.
# The contract is that of its scripts/docker-entrypoint.sh (2026-04); no step's failure ends it.

fill_if_empty() { # FROM TO LABEL
    if [ -z "$(ls "$2" 2>/dev/null)" ]; then
        echo "*** Initialising $3 ***"
        mkdir -p "$2"
        cp -ar "$1"/* "$2"/
    fi
}

for name in characters grammars image_models instruction-templates loras mmproj models presets tools \
    training/datasets users; do
    fill_if_empty "/src/user_data/$name" "/app/user_data/$name" "config for: '$name'"
done
chown -R 1000:1000 /app/user_data

for path in /src/extensions/*/; do
    name=$(basename "$path")
    fill_if_empty "$path" "/app/extensions/$name" "extension: '$name'"
done
chown -R 1000:1000 /app/extensions

echo "=== Running text-generation-webui variant: '$(cat /variant.txt)' $(cat /version_tag.txt) ==="
if (cd /src && git fetch origin >/dev/null 2>&1); then
    behind=$(cd /src && git rev-list HEAD..origin/main --count)
else
    behind=UNKNOWN
fi
echo "=== (This version is $behind commits behind origin main) ==="
echo "=== Image build date: $(cat /build_date.txt) ==="

# The trap: words are made by eval, which knows quotes, and then taken apart once more at every blank.
# shellcheck disable=SC2206,SC2068,SC2294
eval "extra_words=($EXTRA_LAUNCH_ARGS)"
# shellcheck disable=SC2206,SC2068,SC2154
words=($@ ${extra_words[@]})
exec "${words[@]}"
