"""A small document of each format, in the shape in which its source documents it. All hashes are made up."""

import json

MD5 = "9e107d9d372bb6826bd81d3542a419d6"
SHA1 = "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"
SHA256 = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592"
PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"

_NCMEC = f"""<?xml version="1.0" encoding="UTF-8"?>
<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">
  <images count="2" maxTimestamp="2026-10-24T15:10:00Z">
    <image>
      <member id="42">Example Member</member><timestamp>2026-10-24T15:00:00Z</timestamp><id>image1</id>
      <classification>A1</classification>
      <fingerprints><md5>{MD5}</md5><sha1>{SHA1}</sha1><pdq>{PDQ}</pdq></fingerprints>
    </image>
    <deletedImage><member id="42">Example Member</member><id>image4</id><timestamp>2026-10-24T15:10:00Z</timestamp>
    </deletedImage>
  </images>
</queryResult>
"""
_STOPNCII = {
    "count": 2,
    "nextPageToken": "",
    "nextSetTimestamp": 1700000000,
    "hasMoreRecords": False,
    "hashRecords": [
        {
            "lastModtimestamp": 1,
            "signalType": "ImagePDQ",
            "hashValue": PDQ,
            "hashStatus": "Active",
            "caseNumbers": {"c-1": "Active"},
        },
        {
            "lastModtimestamp": 2,
            "signalType": "ImagePDQ",
            "hashValue": PDQ[::-1],
            "hashStatus": "Withdrawn",
            "caseNumbers": {},
        },
    ],
}
_DESCRIPTOR = {
    "id": "11",
    "raw_indicator": PDQ,
    "type": "HASH_PDQ",
    "owner": {"id": "3"},
    "status": "MALICIOUS",
    "added_on": "x",
}
_THREATEXCHANGE = {
    "data": [
        {
            "id": "1",
            "indicator": PDQ,
            "type": "HASH_PDQ",
            "last_updated": 1700000000,
            "should_delete": False,
            "descriptors": {"data": [_DESCRIPTOR]},
        },
        {"id": "2", "indicator": MD5, "type": "HASH_MD5", "last_updated": 1700000001, "should_delete": True},
    ]
}
_TAT = {
    "count": 1,
    "next": None,
    "previous": None,
    "checkpoint": "1,2",
    "results": [
        {
            "id": 7,
            "hash_digest": MD5,
            "algorithm": "MD5",
            "ideology": "x",
            "file_type": "jpg",
            "deleted": False,
            "updated_on": "2026-01-01",
            "created_on": "2026-01-01",
        }
    ],
}
_VICS = {
    "@odata.context": "https://example.org/ProjectVic/DataModels/2.0.xml/US/$metadata#Media",
    "value": [
        {
            "MediaID": 1,
            "Category": 1,
            "MD5": MD5.upper(),
            "SHA1": SHA1.upper(),
            "MediaSize": "12",
            "Series": "s",
            "Tags": "t",
        }
    ],
}

EXAMPLES: dict[str, bytes] = {
    "text": f"# a list\nmd5:{MD5}\npdq {PDQ}\n{SHA1}\npdq:{PDQ}  quality 90\n".encode(),
    "csv": f'id;md5;"sha-1";category;deleted;note\n1;{MD5};{SHA1};A1;no;"a;b"\n2;{MD5[::-1]};;B2;yes;\n'.encode(),
    "jsonl": (
        f'{{"value": "{MD5}", "type": "md5", "source_id": "1", "tags": ["A1"]}}\n'
        f'{{"value": "{PDQ}", "type": "pdq", "quality": 90, "reason": "r", "withdrawn": true}}\n'
    ).encode(),
    "checksums": f"{MD5}  a.jpg\n{SHA1} *b.jpg\nSHA256 (c.jpg) = {SHA256}\n".encode(),
    "hashdeep": f"%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## a\n12,{MD5},{SHA256},/a,b.jpg\n".encode(),
    "pdq": f"{PDQ},100,a.jpg\nhash={PDQ},norm=128,delta=0,quality=100,filename=b.jpg\n".encode(),
    "clamav": f"{MD5}:1:Test.A\n{SHA256}:*:Test.B:73\nC;Target:0;0;fuzzy_img#af2ad01ed42993c7#0\n".encode(),
    "ncmec": _NCMEC.encode(),
    "stopncii": json.dumps(_STOPNCII).encode(),
    "threatexchange-json": json.dumps(_THREATEXCHANGE).encode(),
    "threatexchange-csv": f"td_indicator,td_status,td_raw_indicator\n{MD5},MALICIOUS,{MD5}\n".encode(),
    "tat": json.dumps(_TAT).encode(),
    "vics": json.dumps(_VICS).encode(),
    "json": json.dumps(
        [{"value": MD5, "type": "md5", "source_id": "1"}, {"value": PDQ, "type": "pdq", "tags": ["x"]}]
    ).encode(),
}
