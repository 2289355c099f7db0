/*
 * A card reader whose slot is a Unix socket: an IFD handler (version 3) for pcscd, for tests alone.
 *
 * DEVICENAME is "/dev/null:PATH": pcscd looks for a device before the colon. The handler listens at PATH.
 * Who connects puts a card in, who closes the connection pulls it out. The handler asks, the card answers:
 *
 *     question: kind u8 | length u32, big-endian | that many bytes
 *     answer:             length u32, big-endian | that many bytes
 *     kinds: 'P' power on, 'R' reset (answer: the ATR); 'O' power off (answer: nothing); 'C' a command
 *
 * A card that does not answer in time is treated as pulled out. What goes wrong stands in pcscd's output.
 */
#include <errno.h>
#include <ifdhandler.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { READERS = 8, HEAD_BYTES = 5, ANSWER_SECONDS = 2, NOBODY = -1 };

struct reader {
    int is_open;
    DWORD lun;
    pthread_mutex_t lock; /* everything below, and the order of questions */
    int listening;
    int card;    /* the connection; NOBODY: the slot is empty */
    int is_lost; /* the connection has failed: the next look takes the card out */
    int wake[2]; /* a pipe: ends the wait of pcscd's thread */
    UCHAR atr[MAX_ATR_SIZE];
    DWORD atr_bytes;
};

static struct reader readers[READERS];
static pthread_mutex_t readers_lock = PTHREAD_MUTEX_INITIALIZER;

static void complain(const struct reader *reader, const char *what)
{
    fprintf(stderr, "socket_reader %lx: %s: %s\n", (unsigned long)reader->lun, what, strerror(errno));
}

static struct reader *found(DWORD lun)
{
    for (int i = 0; i < READERS; i++)
        if (readers[i].is_open && readers[i].lun == lun)
            return &readers[i];
    return NULL;
}

/* The card is gone. Its connection is closed later, by the thread that waits on it. */
static void lose(struct reader *reader, const char *why)
{
    complain(reader, why);
    shutdown(reader->card, SHUT_RDWR);
    reader->is_lost = 1;
}

static int sent(int fd, const UCHAR *data, size_t bytes)
{
    while (bytes) {
        ssize_t done = send(fd, data, bytes, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return 0;
        data += done;
        bytes -= (size_t)done;
    }
    return 1;
}

static int received(int fd, UCHAR *data, size_t bytes)
{
    while (bytes) {
        ssize_t done = recv(fd, data, bytes, 0);
        if (done < 0 && errno == EINTR)
            continue;
        if (done == 0)
            errno = ECONNRESET;
        if (done <= 0)
            return 0;
        data += done;
        bytes -= (size_t)done;
    }
    return 1;
}

static uint32_t read_length(const UCHAR *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

/* One question and its answer. Returns the bytes of the answer, or -1: then the card is lost. */
static long ask(struct reader *reader, char kind, const UCHAR *data, size_t bytes, UCHAR *answer, size_t room)
{
    if (reader->card == NOBODY || reader->is_lost)
        return -1;
    UCHAR head[HEAD_BYTES] = {(UCHAR)kind, (UCHAR)(bytes >> 24), (UCHAR)(bytes >> 16), (UCHAR)(bytes >> 8),
                              (UCHAR)bytes};
    if (!sent(reader->card, head, sizeof head) || !sent(reader->card, data, bytes)) {
        lose(reader, "the card takes nothing");
        return -1;
    }
    if (!received(reader->card, head, 4)) {
        lose(reader, "the card does not answer");
        return -1;
    }
    uint32_t answered = read_length(head);
    if (answered > room) {
        errno = EMSGSIZE;
        lose(reader, "the answer is too long");
        return -1;
    }
    if (!received(reader->card, answer, answered)) {
        lose(reader, "the answer ends early");
        return -1;
    }
    return (long)answered;
}

/* Looks into the slot: lets a card in or out. A card that goes is seen to go before the next is let in. */
static int look(struct reader *reader)
{
    if (reader->card != NOBODY) {
        struct pollfd gone = {reader->card, POLLRDHUP, 0};
        if (reader->is_lost || poll(&gone, 1, 0) > 0) {
            close(reader->card);
            reader->card = NOBODY;
            reader->is_lost = 0;
            reader->atr_bytes = 0;
            return 0;
        }
        return 1;
    }
    struct pollfd waiting = {reader->listening, POLLIN, 0};
    if (poll(&waiting, 1, 0) <= 0)
        return 0;
    reader->card = accept4(reader->listening, NULL, NULL, SOCK_CLOEXEC);
    if (reader->card == NOBODY) {
        complain(reader, "no card can be put in");
        return 0;
    }
    struct timeval limit = {ANSWER_SECONDS, 0};
    setsockopt(reader->card, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(reader->card, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return 1;
}

/* pcscd's thread waits here until a card comes or goes. */
static RESPONSECODE wait_for_change(DWORD lun, int timeout_ms)
{
    struct reader *reader = found(lun);
    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    pthread_mutex_lock(&reader->lock);
    int card = reader->card;
    struct pollfd waited[2] = {
        {card == NOBODY ? reader->listening : card, card == NOBODY ? POLLIN : POLLRDHUP, 0},
        {reader->wake[0], POLLIN, 0},
    };
    pthread_mutex_unlock(&reader->lock);
    poll(waited, 2, timeout_ms);
    char woken[64];
    if (waited[1].revents && read(reader->wake[0], woken, sizeof woken) < 0)
        complain(reader, "the pipe cannot be read");
    return IFD_SUCCESS;
}

static RESPONSECODE end_waiting(DWORD lun)
{
    struct reader *reader = found(lun);
    if (reader && write(reader->wake[1], "x", 1) != 1)
        complain(reader, "the thread that waits is not woken");
    return IFD_SUCCESS;
}

static int opened(struct reader *reader, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return 0;
    }
    strcpy(address.sun_path, path);
    unlink(path);
    reader->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return reader->listening >= 0 && pipe(reader->wake) == 0 &&
           bind(reader->listening, (struct sockaddr *)&address, sizeof address) == 0 &&
           listen(reader->listening, 4) == 0;
}

RESPONSECODE IFDHCreateChannelByName(DWORD lun, LPSTR name)
{
    const char *colon = strchr(name, ':');
    struct reader *reader = NULL;
    pthread_mutex_lock(&readers_lock);
    for (int i = 0; i < READERS && !reader; i++)
        if (!readers[i].is_open)
            reader = &readers[i];
    if (reader) {
        memset(reader, 0, sizeof *reader);
        reader->lun = lun;
        reader->card = NOBODY;
        pthread_mutex_init(&reader->lock, NULL);
        reader->is_open = opened(reader, colon ? colon + 1 : name);
        if (!reader->is_open) {
            complain(reader, name);
            reader = NULL;
        }
    }
    pthread_mutex_unlock(&readers_lock);
    return reader ? IFD_SUCCESS : IFD_COMMUNICATION_ERROR;
}

RESPONSECODE IFDHCreateChannel(DWORD lun, DWORD channel)
{
    (void)lun, (void)channel;
    return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHCloseChannel(DWORD lun)
{
    struct reader *reader = found(lun);
    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    pthread_mutex_lock(&reader->lock);
    reader->is_open = 0;
    if (reader->card != NOBODY)
        close(reader->card);
    close(reader->listening);
    close(reader->wake[0]);
    close(reader->wake[1]);
    pthread_mutex_unlock(&reader->lock);
    return IFD_SUCCESS;
}

static RESPONSECODE given(PUCHAR value, PDWORD room, const void *data, DWORD bytes)
{
    if (*room < bytes)
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    memcpy(value, data, bytes);
    *room = bytes;
    return IFD_SUCCESS;
}

RESPONSECODE IFDHGetCapabilities(DWORD lun, DWORD tag, PDWORD bytes, PUCHAR value)
{
    static const UCHAR one = 1, many = READERS;
    RESPONSECODE (*waits)(DWORD, int) = wait_for_change;
    RESPONSECODE (*ends)(DWORD) = end_waiting;
    struct reader *reader = found(lun);
    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    switch (tag) {
    case TAG_IFD_ATR:
        return given(value, bytes, reader->atr, reader->atr_bytes);
    case TAG_IFD_SLOTS_NUMBER:
    case TAG_IFD_THREAD_SAFE:
    case TAG_IFD_SLOT_THREAD_SAFE:
        return given(value, bytes, &one, sizeof one);
    case TAG_IFD_SIMULTANEOUS_ACCESS:
        return given(value, bytes, &many, sizeof many);
    case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
        return given(value, bytes, &waits, sizeof waits);
    case TAG_IFD_STOP_POLLING_THREAD:
        return given(value, bytes, &ends, sizeof ends);
    default:
        return IFD_ERROR_TAG;
    }
}

RESPONSECODE IFDHSetCapabilities(DWORD lun, DWORD tag, DWORD bytes, PUCHAR value)
{
    (void)lun, (void)tag, (void)bytes, (void)value;
    return IFD_ERROR_TAG;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD lun, DWORD protocol, UCHAR flags, UCHAR one, UCHAR two, UCHAR three)
{
    (void)lun, (void)protocol, (void)flags, (void)one, (void)two, (void)three;
    return IFD_SUCCESS;
}

RESPONSECODE IFDHPowerICC(DWORD lun, DWORD action, PUCHAR atr, PDWORD atr_bytes)
{
    struct reader *reader = found(lun);
    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    RESPONSECODE result = IFD_SUCCESS;
    *atr_bytes = 0;
    pthread_mutex_lock(&reader->lock);
    if (action == IFD_POWER_DOWN) {
        ask(reader, 'O', NULL, 0, reader->atr, 0);
    } else {
        char kind = action == IFD_POWER_UP ? 'P' : 'R';
        long bytes = ask(reader, kind, NULL, 0, reader->atr, sizeof reader->atr);
        if (bytes > 0) {
            reader->atr_bytes = (DWORD)bytes;
            memcpy(atr, reader->atr, (size_t)bytes);
            *atr_bytes = (DWORD)bytes;
        } else {
            result = IFD_ERROR_POWER_ACTION;
        }
    }
    pthread_mutex_unlock(&reader->lock);
    return result;
}

RESPONSECODE IFDHTransmitToICC(DWORD lun, SCARD_IO_HEADER send_header, PUCHAR command, DWORD command_bytes,
                               PUCHAR answer, PDWORD answer_bytes, PSCARD_IO_HEADER answer_header)
{
    struct reader *reader = found(lun);
    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    pthread_mutex_lock(&reader->lock);
    long bytes = ask(reader, 'C', command, command_bytes, answer, *answer_bytes);
    pthread_mutex_unlock(&reader->lock);
    if (answer_header)
        answer_header->Protocol = send_header.Protocol;
    *answer_bytes = bytes > 0 ? (DWORD)bytes : 0;
    return bytes < 0 ? IFD_COMMUNICATION_ERROR : IFD_SUCCESS;
}

RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR sent_data, DWORD sent_bytes, PUCHAR answer, DWORD room,
                         LPDWORD answer_bytes)
{
    (void)lun, (void)code, (void)sent_data, (void)sent_bytes, (void)answer, (void)room;
    if (answer_bytes)
        *answer_bytes = 0;
    return IFD_ERROR_NOT_SUPPORTED;
}

RESPONSECODE IFDHICCPresence(DWORD lun)
{
    struct reader *reader = found(lun);
    if (!reader)
        return IFD_NO_SUCH_DEVICE;
    pthread_mutex_lock(&reader->lock);
    int is_there = look(reader);
    pthread_mutex_unlock(&reader->lock);
    return is_there ? IFD_ICC_PRESENT : IFD_ICC_NOT_PRESENT;
}
