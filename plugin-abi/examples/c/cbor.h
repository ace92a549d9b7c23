/* The few forms of CBOR that the payload profile of MIG modules has.
 *
 * Writing goes into a fixed buffer; `overflow` says that it was too small.
 * A reader is a range of bytes that starts with one item. The functions that
 * look something up return 0 when it is not there or the bytes make no sense,
 * and never read outside of the range.
 */
#ifndef CBOR_H
#define CBOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
    uint8_t data[2048];
    size_t length;
    int overflow;
};

static inline void put_bytes(struct writer *out, const void *data, size_t length) {
    if (length > sizeof out->data - out->length) {
        out->overflow = 1;
        return;
    }
    memcpy(out->data + out->length, data, length);
    out->length += length;
}

/* The first byte of an item and its length or value, in the shortest form. */
static inline void put_head(struct writer *out, unsigned major, uint64_t value) {
    uint8_t head[9];
    unsigned size = value < 24 ? 0 : value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
    unsigned info = size == 0 ? (unsigned)value : size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27;

    head[0] = (uint8_t)(major << 5 | info);
    for (unsigned index = 0; index < size; index++)
        head[1 + index] = (uint8_t)(value >> 8 * (size - 1 - index));
    put_bytes(out, head, 1 + size);
}

static inline void put_integer(struct writer *out, uint64_t value) { put_head(out, 0, value); }
static inline void put_array(struct writer *out, uint64_t items) { put_head(out, 4, items); }
static inline void put_map(struct writer *out, uint64_t pairs) { put_head(out, 5, pairs); }
static inline void put_bool(struct writer *out, int value) { put_head(out, 7, value ? 21 : 20); }
static inline void put_null(struct writer *out) { put_head(out, 7, 22); }

static inline void put_text(struct writer *out, const char *string) {
    put_head(out, 3, strlen(string));
    put_bytes(out, string, strlen(string));
}

struct reader {
    const uint8_t *at;
    size_t left;
};

static inline int read_head(struct reader *in, unsigned *major, uint64_t *value) {
    unsigned info, size;

    if (in->left == 0)
        return 0;
    *major = in->at[0] >> 5;
    info = in->at[0] & 31;
    size = info < 24 ? 0 : info == 24 ? 1 : info == 25 ? 2 : info == 26 ? 4 : 8;
    if (info > 27 || in->left < 1 + size)
        return 0;
    *value = info;
    if (size > 0) {
        *value = 0;
        for (unsigned index = 0; index < size; index++)
            *value = *value << 8 | in->at[1 + index];
    }
    in->at += 1 + size;
    in->left -= 1 + size;
    return 1;
}

static inline int read_text(struct reader *in, const uint8_t **start, size_t *length) {
    unsigned major;
    uint64_t value;

    if (!read_head(in, &major, &value) || major != 3 || value > in->left)
        return 0;
    *start = in->at;
    *length = (size_t)value;
    in->at += value;
    in->left -= (size_t)value;
    return 1;
}

static inline int read_integer(struct reader *in, uint64_t *value) {
    unsigned major;

    return read_head(in, &major, value) && major == 0;
}

static inline int read_bool(struct reader *in, int *flag) {
    unsigned major;
    uint64_t value;

    if (!read_head(in, &major, &value) || major != 7 || (value != 20 && value != 21))
        return 0;
    *flag = value == 21;
    return 1;
}

/* Moves behind one whole item, whatever it holds, without recursion. */
static inline int skip(struct reader *in) {
    unsigned major;
    uint64_t value, items = 1;

    for (; items > 0; items--) {
        if (!read_head(in, &major, &value))
            return 0;
        if (major == 3) {
            if (value > in->left)
                return 0;
            in->at += value;
            in->left -= (size_t)value;
        } else if (major == 4 || major == 5) {
            /* Every item takes a byte at least. */
            if (value > in->left)
                return 0;
            items += major == 5 ? 2 * value : value;
        }
    }
    return 1;
}

/* Item number `index` of an array. */
static inline int item(struct reader in, size_t index, struct reader *found) {
    unsigned major;
    uint64_t count;

    if (!read_head(&in, &major, &count) || major != 4 || index >= count)
        return 0;
    while (index-- > 0)
        if (!skip(&in))
            return 0;
    *found = in;
    return 1;
}

/* The value of a key in a map. */
static inline int get(struct reader in, const char *key, struct reader *found) {
    unsigned major;
    uint64_t count;
    const uint8_t *start;
    size_t length;

    if (!read_head(&in, &major, &count) || major != 5)
        return 0;
    for (; count > 0; count--) {
        if (!read_text(&in, &start, &length))
            return 0;
        if (length == strlen(key) && memcmp(start, key, length) == 0) {
            *found = in;
            return 1;
        }
        if (!skip(&in))
            return 0;
    }
    return 0;
}

#endif /* CBOR_H */
