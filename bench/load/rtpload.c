/* rtpload - media engine of the telephony load generator.
 *
 * One thread, one epoll set. Emulates any number of legs:
 *   type=w  a WebRTC audio client: ICE (controlling, one remote candidate),
 *           DTLS-SRTP (either role), RTP/RTCP over SRTP, STUN consent checks
 *   type=r  a plain RTP (or SDES-SRTP) peer such as a PBX
 * Leg ids come in pairs: call k has leg 2k (browser side) and leg 2k+1 (SIP
 * side); every packet carries its sender's leg id, so misrouting is seen.
 *
 * Driven by text lines on stdin, answers by text lines on stdout (engine.py
 * speaks them). Latency = kernel receive timestamp - time stamped into the
 * payload just before the send call; the generator's own queueing on the
 * receive side is therefore not counted.
 *
 * Build: cc -O2 -o rtpload rtpload.c -lsrtp2 -lssl -lcrypto
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <srtp2/srtp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAXLEG 20000
#define PTIME_NS 20000000ull
#define HB 30000          /* latency buckets of 10 us: 300 ms */
#define NWIN 256
#define STAMP 18          /* bytes of a binary stamp */

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;

enum pmode { P_BIN, P_G711, P_CYCLE };
enum det { D_NONE, D_ULAW, D_ALAW, D_SIZE };
enum ist { I_IDLE, I_CHECK, I_DTLS, I_UP, I_FAIL };

struct leg {
    bool used, rtc, sending;
    int fd, id;
    u32 ssrc, ts;
    u16 seq;
    int pt, tsinc, plen;
    enum pmode mode;
    int cyc, cycpos;
    enum det det;
    int thr;
    bool was_loud;
    u8 ext[32];
    int extlen;
    struct sockaddr_in dst;
    /* ICE / DTLS */
    enum ist st;
    bool nominated;
    char lufrag[64], lpwd[128], rufrag[64], rpwd[128];
    bool dtls_server;
    u8 fp[32];
    bool have_fp;
    u64 t_start, t_ice, next_stun, next_dtls;
    SSL *ssl;
    u8 *din;
    int dinlen;
    srtp_t stx, srx;
    /* media */
    u64 phase;
    u64 pulse_t;            /* when this leg last sent its pulse */
    u64 next_rtcp;
    u32 npkt, noct;
    u64 bad, rtcp_rx;
    int rxseq;              /* last RTP seq received, -1 none */
    u64 rx_total;
};

struct win {
    u64 tx[2], rx[2], misroute, bad, gap[2], rawrx[2], bytes;
    u64 lat_n[2];
    double lat_sum[2];
    u64 lat_max[2];
    u64 late_n, late_max;
};

static struct leg *legs[MAXLEG];
static struct win wins[NWIN];
static u32 *hist[NWIN][2];
static u32 lateh[1000];     /* send lateness, 10 us buckets */
static int curwin;
static int ep;
static struct leg **order;  /* sending legs sorted by phase */
static int norder, curpos;
static u64 base;            /* start of the current 20 ms cycle (realtime ns) */
static bool dirty;
static SSL_CTX *ctx;
static BIO_METHOD *bm;
static char fp_local[100];
static const char *profiles = "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";
static u64 stun_every = 2500000000ull, rtcp_every = 5000000000ull, quantum = 100000ull;
static u8 *cyc_buf[8][256];
static int cyc_len[8][256], cyc_n[8];
static u64 n_send, n_recv, n_senderr;

static u64 now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (u64)t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

/* ---------------------------------------------------------------- STUN -- */
static u32 crct[256];
static void crc_init(void)
{
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
        crct[i] = c;
    }
}
static u32 crc32b(const u8 *p, int n)
{
    u32 c = ~0u;
    while (n--)
        c = crct[(c ^ *p++) & 255] ^ (c >> 8);
    return ~c;
}
static int put_attr(u8 *m, int at, u16 type, const void *v, int n)
{
    m[at] = type >> 8; m[at + 1] = type; m[at + 2] = n >> 8; m[at + 3] = n;
    memcpy(m + at + 4, v, n);
    at += 4 + n;
    while (at & 3)
        m[at++] = 0;
    return at;
}
static int stun_finish(u8 *m, int at, const char *key)
{
    u8 mac[20];
    unsigned ml = 20;
    int body = at - 20 + 24;
    m[2] = body >> 8; m[3] = body;
    HMAC(EVP_sha1(), key, strlen(key), m, at, mac, &ml);
    at = put_attr(m, at, 0x0008, mac, 20);
    body = at - 20 + 8;
    m[2] = body >> 8; m[3] = body;
    u32 c = htonl(crc32b(m, at) ^ 0x5354554e);
    return put_attr(m, at, 0x8028, &c, 4);
}
static void stun_head(u8 *m, u16 type, const u8 *tid)
{
    static const u8 cookie[4] = { 0x21, 0x12, 0xa4, 0x42 };
    m[0] = type >> 8; m[1] = type; m[2] = m[3] = 0;
    memcpy(m + 4, cookie, 4);
    memcpy(m + 8, tid, 12);
}
static void raw_send(struct leg *l, const void *p, int n)
{
    if (sendto(l->fd, p, n, 0, (void *)&l->dst, sizeof l->dst) < 0)
        n_senderr++;
}
static void stun_request(struct leg *l)
{
    u8 m[300], tid[12];
    char user[140];
    for (int i = 0; i < 12; i += 4) {
        u32 r = (u32)random();
        memcpy(tid + i, &r, 4);
    }
    stun_head(m, 0x0001, tid);
    int at = 20;
    int n = snprintf(user, sizeof user, "%s:%s", l->rufrag, l->lufrag);
    at = put_attr(m, at, 0x0006, user, n);
    u32 prio = htonl(1853824767u);
    at = put_attr(m, at, 0x0024, &prio, 4);
    u8 tie[8] = { 0xff, 1, 2, 3, 4, 5, l->id >> 8, l->id };
    at = put_attr(m, at, 0x802a, tie, 8);
    at = put_attr(m, at, 0x0025, "", 0);
    at = stun_finish(m, at, l->rpwd);
    raw_send(l, m, at);
}
static void dtls_begin(struct leg *l);
static void dtls_pump(struct leg *l, u8 *p, int n);

static void on_stun(struct leg *l, u8 *p, int n, struct sockaddr_in *from)
{
    u16 type = p[0] << 8 | p[1];
    if (n < 20)
        return;
    if (type == 0x0001) {
        u8 m[200], x[8] = { 0, 1 };
        stun_head(m, 0x0101, p + 8);
        u16 port = ntohs(from->sin_port) ^ 0x2112;
        u32 ip = ntohl(from->sin_addr.s_addr) ^ 0x2112a442u;
        x[2] = port >> 8; x[3] = port;
        x[4] = ip >> 24; x[5] = ip >> 16; x[6] = ip >> 8; x[7] = ip;
        int at = put_attr(m, 20, 0x0020, x, 8);
        at = stun_finish(m, at, l->lpwd);
        if (sendto(l->fd, m, at, 0, (void *)from, sizeof *from) < 0)
            n_senderr++;
    } else if (type == 0x0101 && l->st == I_CHECK) {
        l->t_ice = now_ns();
        l->st = I_DTLS;
        dtls_begin(l);
    }
}

/* ---------------------------------------------------------------- DTLS -- */
static int bio_write(BIO *b, const char *p, int n)
{
    raw_send(BIO_get_data(b), p, n);
    return n;
}
static int bio_read(BIO *b, char *p, int n)
{
    struct leg *l = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (!l->din || !l->dinlen) {
        BIO_set_retry_read(b);
        return -1;
    }
    if (n > l->dinlen)
        n = l->dinlen;
    memcpy(p, l->din, n);
    l->dinlen = 0;
    return n;
}
static long bio_ctrl(BIO *b, int cmd, long a, void *p)
{
    (void)b; (void)a; (void)p;
    switch (cmd) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU: return 1200;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: return 28;
    case BIO_CTRL_WPENDING: case BIO_CTRL_PENDING: return 0;
    default: return 0;
    }
}
static int bio_create(BIO *b) { BIO_set_init(b, 1); return 1; }
static int accept_any(int ok, X509_STORE_CTX *s) { (void)ok; (void)s; return 1; }

static void tls_init(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *c = X509_new();
    X509_set_version(c, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c), 1 + (random() & 0xffffff));
    X509_gmtime_adj(X509_getm_notBefore(c), -86400);
    X509_gmtime_adj(X509_getm_notAfter(c), 86400 * 30);
    X509_set_pubkey(c, key);
    X509_NAME *nm = X509_get_subject_name(c);
    X509_NAME_add_entry_by_txt(nm, "CN", MBSTRING_ASC, (u8 *)"rtpload", -1, -1, 0);
    X509_set_issuer_name(c, nm);
    X509_sign(c, key, EVP_sha256());
    u8 d[32];
    unsigned dl = 32;
    X509_digest(c, EVP_sha256(), d, &dl);
    for (int i = 0; i < 32; i++)
        sprintf(fp_local + 3 * i, "%02X%s", d[i], i < 31 ? ":" : "");
    ctx = SSL_CTX_new(DTLS_method());
    SSL_CTX_use_certificate(ctx, c);
    SSL_CTX_use_PrivateKey(ctx, key);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_tlsext_use_srtp(ctx, profiles)) {
        fprintf(stderr, "bad SRTP profiles %s\n", profiles);
        exit(2);
    }
    bm = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "leg");
    BIO_meth_set_write(bm, bio_write);
    BIO_meth_set_read(bm, bio_read);
    BIO_meth_set_ctrl(bm, bio_ctrl);
    BIO_meth_set_create(bm, bio_create);
}
static void dtls_begin(struct leg *l)
{
    l->ssl = SSL_new(ctx);
    BIO *b = BIO_new(bm);
    BIO_set_data(b, l);
    SSL_set_bio(l->ssl, b, b);
    SSL_set_mtu(l->ssl, 1200);
    if (l->dtls_server)
        SSL_set_accept_state(l->ssl);
    else
        SSL_set_connect_state(l->ssl);
    dtls_pump(l, NULL, 0);
}
static bool srtp_make(srtp_t *s, const u8 *key, srtp_profile_t prof, bool in)
{
    srtp_policy_t p;
    memset(&p, 0, sizeof p);
    srtp_crypto_policy_set_from_profile_for_rtp(&p.rtp, prof);
    srtp_crypto_policy_set_from_profile_for_rtcp(&p.rtcp, prof);
    p.ssrc.type = in ? ssrc_any_inbound : ssrc_any_outbound;
    p.key = (u8 *)key;
    p.window_size = 1024;
    p.allow_repeat_tx = 1;
    return srtp_create(s, &p) == srtp_err_status_ok;
}
static bool prof_by_id(unsigned long id, srtp_profile_t *p, int *kl, int *sl)
{
    switch (id) {
    case SRTP_AES128_CM_SHA1_80: *p = srtp_profile_aes128_cm_sha1_80; *kl = 16; *sl = 14; return true;
    case SRTP_AES128_CM_SHA1_32: *p = srtp_profile_aes128_cm_sha1_32; *kl = 16; *sl = 14; return true;
    case SRTP_AEAD_AES_128_GCM: *p = srtp_profile_aead_aes_128_gcm; *kl = 16; *sl = 12; return true;
    case SRTP_AEAD_AES_256_GCM: *p = srtp_profile_aead_aes_256_gcm; *kl = 32; *sl = 12; return true;
    }
    return false;
}
static void fail(struct leg *l, const char *why)
{
    l->st = I_FAIL;
    say("ev fail %d %s", l->id, why);
}
static void dtls_pump(struct leg *l, u8 *p, int n)
{
    l->din = p;
    l->dinlen = n;
    if (l->st == I_UP) {
        u8 junk[2000];
        int r = SSL_read(l->ssl, junk, sizeof junk);
        if (r <= 0 && SSL_get_shutdown(l->ssl) & SSL_RECEIVED_SHUTDOWN) {
            say("ev closed %d", l->id);
            l->sending = false;
            dirty = true;
        }
        ERR_clear_error();
        return;
    }
    int r = SSL_do_handshake(l->ssl);
    if (r == 1) {
        SRTP_PROTECTION_PROFILE *pp = SSL_get_selected_srtp_profile(l->ssl);
        srtp_profile_t pr;
        int kl, sl;
        if (!pp || !prof_by_id(pp->id, &pr, &kl, &sl)) {
            fail(l, "no-srtp-profile");
            return;
        }
        if (l->have_fp) {
            X509 *pc = SSL_get1_peer_certificate(l->ssl);
            u8 d[32];
            unsigned dl = 32;
            if (!pc || !X509_digest(pc, EVP_sha256(), d, &dl) || memcmp(d, l->fp, 32)) {
                X509_free(pc);
                fail(l, "fingerprint");
                return;
            }
            X509_free(pc);
        }
        u8 km[128], k[2][64];
        SSL_export_keying_material(l->ssl, km, 2 * (kl + sl), "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0);
        for (int i = 0; i < 2; i++) {
            memcpy(k[i], km + i * kl, kl);
            memcpy(k[i] + kl, km + 2 * kl + i * sl, sl);
        }
        int mine = l->dtls_server ? 1 : 0;
        if (!srtp_make(&l->stx, k[mine], pr, false) || !srtp_make(&l->srx, k[!mine], pr, true)) {
            fail(l, "srtp-create");
            return;
        }
        l->st = I_UP;
        u64 t = now_ns();
        l->next_stun = t + stun_every;
        say("ev up %d %s ice_ms=%.1f total_ms=%.1f", l->id, pp->name, (l->t_ice - l->t_start) / 1e6, (t - l->t_start) / 1e6);
        return;
    }
    int e = SSL_get_error(l->ssl, r);
    if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE) {
        char buf[200];
        ERR_error_string_n(ERR_get_error(), buf, sizeof buf);
        for (char *c = buf; *c; c++)
            if (*c == ' ')
                *c = '_';
        fail(l, buf);
    }
    ERR_clear_error();
}

/* --------------------------------------------------------------- media -- */
static void put_stamp(u8 *p, struct leg *l, u64 t)
{
    p[0] = 0x78;            /* looks like an Opus TOC: 20 ms, mono, one frame */
    p[1] = 'L'; p[2] = 'G';
    p[3] = curwin;
    p[4] = l->id >> 8; p[5] = l->id;
    for (int i = 0; i < 8; i++)
        p[6 + i] = t >> (56 - 8 * i);
    p[14] = l->seq >> 8; p[15] = l->seq;
    p[16] = 0x5a; p[17] = 0xa5;
}
static bool get_stamp(const u8 *p, int n, int *w, int *id, u64 *t)
{
    u8 b[STAMP];
    if (n >= 2 * STAMP && (p[0] & 0xf0) == 0xc0 && p[1] == 0xc8) {   /* nibble form of 0x78 */
        for (int i = 0; i < STAMP; i++)
            b[i] = (p[2 * i] & 15) << 4 | (p[2 * i + 1] & 15);
        p = b;
    } else if (n < STAMP)
        return false;
    if (p[1] != 'L' || p[2] != 'G' || p[16] != 0x5a || p[17] != 0xa5)
        return false;
    *w = p[3];
    *id = p[4] << 8 | p[5];
    *t = 0;
    for (int i = 0; i < 8; i++)
        *t = *t << 8 | p[6 + i];
    return true;
}
static void send_rtp(struct leg *l, u64 due)
{
    u8 b[1500];
    int at = 12;
    b[0] = l->extlen ? 0x90 : 0x80;
    b[1] = l->pt;
    b[2] = l->seq >> 8; b[3] = l->seq;
    u32 v = htonl(l->ts);
    memcpy(b + 4, &v, 4);
    v = htonl(l->ssrc);
    memcpy(b + 8, &v, 4);
    if (l->extlen) {
        memcpy(b + at, l->ext, l->extlen);
        at += l->extlen;
    }
    int n = l->plen;
    u64 t = now_ns();
    if (l->mode == P_CYCLE) {
        n = cyc_len[l->cyc][l->cycpos];
        memcpy(b + at, cyc_buf[l->cyc][l->cycpos], n);
        if (l->cycpos == 0)
            l->pulse_t = t;
        if (++l->cycpos == cyc_n[l->cyc])
            l->cycpos = 0;
    } else if (l->mode == P_BIN) {
        put_stamp(b + at, l, t);
        memset(b + at + STAMP, 0x55, n - STAMP);
    } else {
        u8 s[STAMP];
        put_stamp(s, l, t);
        for (int i = 0; i < STAMP; i++) {
            b[at + 2 * i] = 0xc0 | s[i] >> 4;
            b[at + 2 * i + 1] = 0xc0 | (s[i] & 15);
        }
        memset(b + at + 2 * STAMP, 0xd5, n - 2 * STAMP);
    }
    int len = at + n;
    if (l->stx && srtp_protect(l->stx, b, &len) != srtp_err_status_ok)
        n_senderr++;
    raw_send(l, b, len);
    n_send++;
    l->seq++;
    l->ts += l->tsinc;
    l->npkt++;
    l->noct += n;
    struct win *w = &wins[curwin];
    w->tx[l->id & 1]++;
    if (due) {
        u64 late = t > due ? t - due : 0;
        w->late_n++;
        if (late > w->late_max)
            w->late_max = late;
        u64 i = late / 10000;
        lateh[i < 1000 ? i : 999]++;
    }
    if (rtcp_every && t > l->next_rtcp) {
        l->next_rtcp = t + rtcp_every;
        u8 r[256] = { 0x80, 200, 0, 6 };
        v = htonl(l->ssrc); memcpy(r + 4, &v, 4);
        v = htonl((u32)(t / 1000000000ull + 2208988800ull)); memcpy(r + 8, &v, 4);
        v = htonl((u32)((t % 1000000000ull) * 4.294967296)); memcpy(r + 12, &v, 4);
        v = htonl(l->ts); memcpy(r + 16, &v, 4);
        v = htonl(l->npkt); memcpy(r + 20, &v, 4);
        v = htonl(l->noct); memcpy(r + 24, &v, 4);
        len = 28;
        r[28] = 0x81; r[29] = 202; r[30] = 0; r[31] = 3;          /* SDES CNAME "load" */
        v = htonl(l->ssrc); memcpy(r + 32, &v, 4);
        memcpy(r + 36, "\001\004load\0\0", 8);
        len = 44;
        if (l->stx)
            srtp_protect_rtcp(l->stx, r, &len);
        if (l->rtc)         /* rtcp-mux; plain RTP legs keep RTCP to themselves */
            raw_send(l, r, len);
    }
}
static void add_lat(int w, int dir, u64 us)
{
    struct win *x = &wins[w];
    if (!hist[w][dir])
        hist[w][dir] = calloc(HB, sizeof(u32));
    u64 i = us / 10;
    hist[w][dir][i < HB ? i : HB - 1]++;
    x->lat_n[dir]++;
    x->lat_sum[dir] += us;
    if (us > x->lat_max[dir])
        x->lat_max[dir] = us;
}
static bool loud(struct leg *l, const u8 *p, int n)
{
    if (l->det == D_SIZE)
        return n > l->thr;
    int big = 0;
    for (int i = 0; i < n; i++) {
        int mag = l->det == D_ULAW ? (~p[i] & 0x7f) : ((p[i] ^ 0x55) & 0x7f);
        if (mag >= 0x40)
            big++;
    }
    return big > l->thr;
}
static void on_rtp(struct leg *l, u8 *p, int n, u64 rxt)
{
    int dir = !(l->id & 1);  /* 0: towards the RTP side, 1: towards WebRTC */
    if (n < 12)
        return;
    if ((p[1] & 0x7f) >= 64 && (p[1] & 0x7f) < 96) {
        if (l->srx && srtp_unprotect_rtcp(l->srx, p, &n) != srtp_err_status_ok)
            l->bad++;
        l->rtcp_rx++;
        return;
    }
    if (l->srx && srtp_unprotect(l->srx, p, &n) != srtp_err_status_ok) {
        l->bad++;
        wins[curwin].bad++;
        return;
    }
    n_recv++;
    l->rx_total++;
    int seq = p[2] << 8 | p[3];
    struct win *cw = &wins[curwin];
    cw->rawrx[dir]++;
    if (l->rxseq >= 0) {
        u16 d = seq - l->rxseq;
        if (d > 1 && d < 3000)
            cw->gap[dir] += d - 1;
    }
    l->rxseq = seq;
    int at = 12 + 4 * (p[0] & 15);
    if (p[0] & 0x10) {
        if (at + 4 > n)
            return;
        at += 4 + 4 * (p[at + 2] << 8 | p[at + 3]);
    }
    if (at > n)
        return;
    int w, id;
    u64 t;
    if (l->det != D_NONE) {
        bool ld = loud(l, p + at, n - at);
        struct leg *o = legs[l->id ^ 1];
        if (ld && !l->was_loud && o && o->pulse_t && rxt > o->pulse_t && rxt - o->pulse_t < 900000000ull)
            add_lat(curwin, dir, (rxt - o->pulse_t) / 1000);
        l->was_loud = ld;
        return;
    }
    if (!get_stamp(p + at, n - at, &w, &id, &t))
        return;
    if (id != (l->id ^ 1))
        wins[w].misroute++;
    wins[w].rx[dir]++;
    add_lat(w, dir, rxt > t ? (rxt - t) / 1000 : 0);
}

static int cmp_phase(const void *a, const void *b)
{
    const struct leg *x = *(struct leg **)a, *y = *(struct leg **)b;
    return x->phase < y->phase ? -1 : x->phase > y->phase;
}
static void reorder(void)
{
    norder = 0;
    for (int i = 0; i < MAXLEG; i++)
        if (legs[i] && legs[i]->sending)
            order[norder++] = legs[i];
    qsort(order, norder, sizeof *order, cmp_phase);
    u64 t = now_ns();
    if (!base || t > base + 2 * PTIME_NS)
        base = t - t % PTIME_NS;
    curpos = 0;
    while (curpos < norder && base + order[curpos]->phase < t)
        curpos++;
    if (norder && curpos == norder) {
        curpos = 0;
        base += PTIME_NS;
    }
    dirty = false;
}

/* ------------------------------------------------------------- control -- */
static const char *arg(char **kv, int n, const char *k, const char *def)
{
    size_t kl = strlen(k);
    for (int i = 0; i < n; i++)
        if (!strncmp(kv[i], k, kl) && kv[i][kl] == '=')
            return kv[i] + kl + 1;
    return def;
}
static int unhex(const char *s, u8 *o, int max)
{
    int n = 0;
    while (s[0] && s[1] && n < max) {
        if (*s == ':') { s++; continue; }
        unsigned v;
        if (sscanf(s, "%2x", &v) != 1)
            break;
        o[n++] = v;
        s += 2;
    }
    return n;
}
static struct leg *byid(char **kv, int n)
{
    int id = atoi(arg(kv, n, "id", "-1"));
    return id >= 0 && id < MAXLEG ? legs[id] : NULL;
}
static void leg_free(struct leg *l)
{
    legs[l->id] = NULL;
    close(l->fd);
    if (l->ssl)
        SSL_free(l->ssl);
    if (l->stx)
        srtp_dealloc(l->stx);
    if (l->srx)
        srtp_dealloc(l->srx);
    free(l);
    dirty = true;
}
static u64 pct(u32 *h, u64 n, double q)
{
    u64 want = (u64)ceil(n * q), c = 0;
    if (!h || !n)
        return 0;
    for (int i = 0; i < HB; i++)
        if ((c += h[i]) >= want)
            return (u64)i * 10 + 5;
    return HB * 10;
}
static void cmd(char *line)
{
    char *kv[64];
    int n = 0;
    for (char *t = strtok(line, " \t\r\n"); t && n < 64; t = strtok(NULL, " \t\r\n"))
        kv[n++] = t;
    if (!n)
        return;
    const char *c = kv[0];
    if (!strcmp(c, "leg")) {
        int id = atoi(arg(kv, n, "id", "-1"));
        if (id < 0 || id >= MAXLEG || legs[id]) { say("err leg %d", id); return; }
        struct leg *l = calloc(1, sizeof *l);
        l->id = id;
        l->rtc = *arg(kv, n, "type", "r") == 'w';
        l->ssrc = strtoul(arg(kv, n, "ssrc", "0"), NULL, 10);
        if (!l->ssrc)
            l->ssrc = 0x10000000u + id * 7919u;
        l->pt = atoi(arg(kv, n, "pt", "0"));
        l->tsinc = atoi(arg(kv, n, "tsinc", "160"));
        l->plen = atoi(arg(kv, n, "plen", "160"));
        l->seq = random() & 0x7fff;
        l->ts = random();
        l->rxseq = -1;
        l->phase = ((u64)random() << 16 ^ random()) % PTIME_NS;
        const char *m = arg(kv, n, "mode", "bin");
        if (!strcmp(m, "g711")) l->mode = P_G711;
        else if (!strncmp(m, "cycle:", 6)) { l->mode = P_CYCLE; l->cyc = atoi(m + 6) & 7; l->cycpos = random() % (cyc_n[l->cyc] ? cyc_n[l->cyc] : 1); }
        if (l->mode == P_BIN && l->plen < STAMP) l->plen = STAMP;
        if (l->mode == P_G711 && l->plen < 2 * STAMP) l->plen = 2 * STAMP;
        const char *d = arg(kv, n, "det", "");
        if (!strncmp(d, "ulaw", 4)) { l->det = D_ULAW; l->thr = 20; }
        if (!strncmp(d, "alaw", 4)) { l->det = D_ALAW; l->thr = 20; }
        if (!strncmp(d, "size:", 5)) { l->det = D_SIZE; l->thr = atoi(d + 5); }
        l->extlen = unhex(arg(kv, n, "ext", ""), l->ext, sizeof l->ext);
        /* known from the offer on: a server may check us before we have its answer */
        snprintf(l->lufrag, sizeof l->lufrag, "%s", arg(kv, n, "lufrag", ""));
        snprintf(l->lpwd, sizeof l->lpwd, "%s", arg(kv, n, "lpwd", ""));
        l->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int sz = 1 << 20, on = 1;
        setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &sz, sizeof sz);
        setsockopt(l->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(atoi(arg(kv, n, "port", "0"))) };
        inet_pton(AF_INET, arg(kv, n, "ip", "127.0.0.1"), &a.sin_addr);
        socklen_t al = sizeof a;
        if (l->fd < 0 || bind(l->fd, (void *)&a, sizeof a) || getsockname(l->fd, (void *)&a, &al)) {
            say("err leg %d %s", id, strerror(errno));
            if (l->fd >= 0) close(l->fd);
            free(l);
            return;
        }
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = l };
        epoll_ctl(ep, EPOLL_CTL_ADD, l->fd, &e);
        legs[id] = l;
        l->used = true;
        say("ok leg %d port=%d ssrc=%u", id, ntohs(a.sin_port), l->ssrc);
    } else if (!strcmp(c, "ice") || !strcmp(c, "dst")) {
        struct leg *l = byid(kv, n);
        if (!l) { say("err %s", c); return; }
        l->dst.sin_family = AF_INET;
        l->dst.sin_port = htons(atoi(arg(kv, n, "port", "0")));
        inet_pton(AF_INET, arg(kv, n, "ip", "127.0.0.1"), &l->dst.sin_addr);
        const char *ext = arg(kv, n, "ext", NULL);
        if (ext)
            l->extlen = unhex(ext, l->ext, sizeof l->ext);
        const char *pt = arg(kv, n, "pt", NULL);
        if (pt)
            l->pt = atoi(pt);
        if (*c == 'i') {
            snprintf(l->rufrag, sizeof l->rufrag, "%s", arg(kv, n, "rufrag", ""));
            snprintf(l->rpwd, sizeof l->rpwd, "%s", arg(kv, n, "rpwd", ""));
            l->dtls_server = *arg(kv, n, "dtls", "s") == 's';
            l->have_fp = unhex(arg(kv, n, "fp", ""), l->fp, 32) == 32;
            l->st = I_CHECK;
            l->t_start = now_ns();
            stun_request(l);
            l->next_stun = l->t_start + 50000000ull;
        } else
            l->st = I_UP;
    } else if (!strcmp(c, "sdes")) {
        struct leg *l = byid(kv, n);
        u8 tx[64], rx[64];
        srtp_profile_t pr;
        int kl, sl;
        if (l && prof_by_id(strtoul(arg(kv, n, "profile", "1"), NULL, 10), &pr, &kl, &sl)) {
            unhex(arg(kv, n, "tx", ""), tx, 64);
            unhex(arg(kv, n, "rx", ""), rx, 64);
            if (!srtp_make(&l->stx, tx, pr, false) || !srtp_make(&l->srx, rx, pr, true))
                say("err sdes");
        }
    } else if (!strcmp(c, "go") || !strcmp(c, "halt")) {
        struct leg *l = byid(kv, n);
        if (l) { l->sending = *c == 'g'; dirty = true; }
    } else if (!strcmp(c, "del")) {
        struct leg *l = byid(kv, n);
        if (l) {
            if (l->ssl && l->st == I_UP)
                SSL_shutdown(l->ssl);
            leg_free(l);
        }
    } else if (!strcmp(c, "cycle")) {
        int s = atoi(arg(kv, n, "slot", "0")) & 7;
        FILE *f = fopen(arg(kv, n, "file", ""), "rb");
        int k = 0, a, b;
        while (f && k < 256 && (a = getc(f)) != EOF && (b = getc(f)) != EOF) {
            int len = a << 8 | b;
            cyc_buf[s][k] = malloc(len + 1);
            if (fread(cyc_buf[s][k], 1, len, f) != (size_t)len)
                break;
            cyc_len[s][k++] = len;
        }
        if (f) fclose(f);
        cyc_n[s] = k;
        say("ok cycle %d n=%d", s, k);
    } else if (!strcmp(c, "win")) {
        int w = atoi(arg(kv, n, "n", "0")) & 255;
        memset(&wins[w], 0, sizeof wins[w]);
        for (int d = 0; d < 2; d++)
            if (hist[w][d])
                memset(hist[w][d], 0, HB * sizeof(u32));
        if (w)
            memset(lateh, 0, sizeof lateh);
        curwin = w;
        say("ok win %d", w);
    } else if (!strcmp(c, "stat")) {
        int w = atoi(arg(kv, n, "n", "0")) & 255;
        struct win *x = &wins[w];
        struct rusage ru;
        getrusage(RUSAGE_SELF, &ru);
        u64 lc = 0, lw = (u64)(x->late_n * 0.99), l99 = 0;
        for (int i = 0; i < 1000; i++)
            if ((lc += lateh[i]) >= lw) { l99 = i * 10; break; }
        char o[2][400];
        for (int d = 0; d < 2; d++)
            snprintf(o[d], sizeof o[d],
                     "{\"tx\":%lu,\"rx\":%lu,\"rawrx\":%lu,\"seqgap\":%lu,\"n\":%lu,\"mean\":%.1f,\"p50\":%lu,\"p95\":%lu,\"p99\":%lu,\"p999\":%lu,\"max\":%lu}",
                     x->tx[d], x->rx[d], x->rawrx[d], x->gap[d], x->lat_n[d], x->lat_n[d] ? x->lat_sum[d] / x->lat_n[d] : 0,
                     pct(hist[w][d], x->lat_n[d], .5), pct(hist[w][d], x->lat_n[d], .95), pct(hist[w][d], x->lat_n[d], .99),
                     pct(hist[w][d], x->lat_n[d], .999), x->lat_max[d]);
        /* index 0 of tx counts leg ids with bit0 = 0 (browser), whose packets arrive as dir 0 */
        say("stat {\"win\":%d,\"to_rtp\":%s,\"to_rtc\":%s,\"misroute\":%lu,\"bad\":%lu,\"late_p99_us\":%lu,\"late_max_us\":%lu,\"legs\":%d,\"senderr\":%lu,\"gen_cpu\":%.3f}",
            w, o[0], o[1], x->misroute, x->bad, l99, x->late_max / 1000, norder, n_senderr,
            ru.ru_utime.tv_sec + ru.ru_stime.tv_sec + (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
    } else if (!strcmp(c, "legstat")) {
        struct leg *l = byid(kv, n);
        if (l)
            say("legstat {\"id\":%d,\"tx\":%u,\"rx\":%lu,\"bad\":%lu,\"rtcp_rx\":%lu,\"state\":%d}", l->id, l->npkt, l->rx_total, l->bad, l->rtcp_rx, l->st);
    } else if (!strcmp(c, "cfg")) {
        stun_every = strtoull(arg(kv, n, "stun_ms", "2500"), NULL, 10) * 1000000ull;
        rtcp_every = strtoull(arg(kv, n, "rtcp_ms", "5000"), NULL, 10) * 1000000ull;
        quantum = strtoull(arg(kv, n, "quantum_us", "100"), NULL, 10) * 1000ull;
    } else if (!strcmp(c, "quit")) {
        for (int i = 0; i < MAXLEG; i++)
            if (legs[i] && legs[i]->ssl && legs[i]->st == I_UP)
                SSL_shutdown(legs[i]->ssl);
        exit(0);
    } else
        say("err unknown %s", c);
}

static void drain(struct leg *l)
{
    enum { B = 16 };
    static u8 buf[B][2048];
    static char ctl[B][64];
    static struct sockaddr_in from[B];
    struct mmsghdr mm[B];
    struct iovec iov[B];
    for (int i = 0; i < B; i++) {
        iov[i] = (struct iovec){ buf[i], sizeof buf[i] };
        memset(&mm[i], 0, sizeof mm[i]);
        mm[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &iov[i], .msg_iovlen = 1, .msg_control = ctl[i], .msg_controllen = sizeof ctl[i] };
    }
    int id = l->id;
    int k = recvmmsg(l->fd, mm, l->rtc && l->st != I_UP ? 1 : B, 0, NULL);
    for (int i = 0; i < k && legs[id] == l; i++) {
        u8 *p = buf[i];
        int n = mm[i].msg_len;
        if (n < 2)
            continue;
        if (p[0] >= 128 && p[0] < 192) {
            u64 rxt = 0;
            for (struct cmsghdr *c = CMSG_FIRSTHDR(&mm[i].msg_hdr); c; c = CMSG_NXTHDR(&mm[i].msg_hdr, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
                    struct timespec ts;
                    memcpy(&ts, CMSG_DATA(c), sizeof ts);
                    rxt = (u64)ts.tv_sec * 1000000000ull + ts.tv_nsec;
                }
            on_rtp(l, p, n, rxt ? rxt : now_ns());
        } else if (l->rtc && p[0] < 4)
            on_stun(l, p, n, &from[i]);
        else if (l->rtc && l->ssl && p[0] > 19 && p[0] < 64)
            dtls_pump(l, p, n);
        else if (l->rtc && p[0] > 19 && p[0] < 64 && l->st == I_CHECK) {
            /* DTLS before our own check finished: the peer is already there */
            l->t_ice = now_ns();
            l->st = I_DTLS;
            dtls_begin(l);
            dtls_pump(l, p, n);
        }
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (!strcmp(argv[i], "--profiles"))
            profiles = argv[i + 1];
    signal(SIGPIPE, SIG_IGN);
    srandom(getpid() * 2654435761u ^ (unsigned)time(NULL));
    crc_init();
    srtp_init();
    tls_init();
    order = calloc(MAXLEG, sizeof *order);
    ep = epoll_create1(EPOLL_CLOEXEC);
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL }, ev[256];
    epoll_ctl(ep, EPOLL_CTL_ADD, 0, &e);
    say("ready fp=%s", fp_local);
    static char in[1 << 16];
    size_t inl = 0;
    u64 next_house = 0;
    for (;;) {
        if (dirty)
            reorder();
        u64 t = now_ns();
        /* housekeeping: ICE checks, DTLS timers, consent */
        if (t >= next_house) {
            next_house = t + 20000000ull;
            for (int i = 0; i < MAXLEG; i++) {
                struct leg *l = legs[i];
                if (!l || !l->rtc)
                    continue;
                if (l->st == I_CHECK && t >= l->next_stun) {
                    stun_request(l);
                    l->next_stun = t + 100000000ull;
                    if (t > l->t_start + 15000000000ull)
                        fail(l, "ice-timeout");
                } else if (l->st == I_DTLS) {
                    if (DTLSv1_handle_timeout(l->ssl) < 0)
                        fail(l, "dtls-timeout");
                    if (t > l->t_start + 30000000000ull)
                        fail(l, "dtls-timeout");
                } else if (l->st == I_UP && stun_every && t >= l->next_stun) {
                    stun_request(l);
                    l->next_stun = t + stun_every;
                }
            }
        }
        /* media that is due */
        u64 wake = t + 500000ull;
        int burst = 0;
        while (norder && burst < 64) {
            u64 due = base + order[curpos]->phase;
            if (due > t) {
                wake = due;
                break;
            }
            send_rtp(order[curpos], due);
            if (++curpos >= norder) {
                curpos = 0;
                base += PTIME_NS;
            }
            burst++;
            t = now_ns();
        }
        if (burst == 64)
            wake = t;
        if (wake > next_house)
            wake = next_house;
        /* Sleep on the clock, not on the sockets: receive times come from the
         * kernel, so nothing is lost, and the server's sends do not have to
         * wake this thread (in a VM that costs the server more than the send). */
        if (wake > t) {
            u64 d = wake - t < quantum ? quantum : wake - t;
            struct timespec to = { 0, d > 2000000 && norder ? 2000000 : d };
            clock_nanosleep(CLOCK_MONOTONIC, 0, &to, NULL);
        }
        int k = epoll_wait(ep, ev, 256, 0);
        for (int i = 0; i < k; i++) {
            if (!ev[i].data.ptr) {
                ssize_t r = read(0, in + inl, sizeof in - 1 - inl);
                if (r == 0)
                    exit(0);
                if (r < 0)
                    continue;
                inl += r;
                in[inl] = 0;
                char *s = in, *nl;
                while ((nl = strchr(s, '\n'))) {
                    *nl = 0;
                    cmd(s);
                    s = nl + 1;
                }
                inl -= s - in;
                memmove(in, s, inl + 1);
                break;      /* legs may have gone: take fresh events */
            }
            drain(ev[i].data.ptr);
            if (norder && (i & 15) == 15 && now_ns() > base + order[curpos]->phase + 200000)
                break;      /* keep the pacing; level-triggered, nothing is lost */
        }
    }
}
